#!/usr/bin/env python3
"""The command line of the site: `manage.py serve`, `manage.py pool ...` and Django's own commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poolsite.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here: run the command of README.md, section Run it, or activate .venv first.")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
