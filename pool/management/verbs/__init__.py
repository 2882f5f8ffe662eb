"""The verbs of `manage.py pool`, one file each: its help, its arguments, and `run(options, out)` with the exit code."""
