"""The pool's side of manage.py: `serve`, and the verbs of `pool`."""
