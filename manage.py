#!/usr/bin/env python3
"""Django's commands for this installation; `make run` starts the whole of it."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from portal.stack import folder

    folder.write_privately()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
