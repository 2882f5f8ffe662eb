"""The REST API under /api/v1/, on Django REST Framework. Its settings sit on its own views, none in the project."""
