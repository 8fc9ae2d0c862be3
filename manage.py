#!/usr/bin/env python3
"""Django's commands for this installation; `make run` starts the whole of it."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from portal.stack import folder

    folder.write_privately()
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}")
    except OperationalError as error:
        # An error of a running database has a code; one of the connection has none.
        if getattr(error.__cause__, "sqlstate", None):
            raise
        sys.exit(
            "The database does not answer. If this portal is started by `make run`,"
            " leave that running and use a second terminal with the same VAR."
            " Otherwise check DATABASE_URL."
        )


if __name__ == "__main__":
    main()
