"""Measures the pool against its goals: `manage.py pool bench`, or `python -m bench` in the repository."""
