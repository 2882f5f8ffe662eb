"""An app of a project that listens to all of the pool's events, and whose receivers may be bad."""
