"""Pages, metrics and health of the pool, for any Django project that runs it."""
