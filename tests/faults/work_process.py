"""A process that runs waiting jobs on order, and dies at a given failpoint.

It loads the portal once and reads orders, a line of JSON each: the tasks or commands to
run and the place to die at. Each order is done by a fork, whose exit code is the
answer. It ends with its input.
"""

import json
import os
import sys
import traceback

import django


def do(names: list[str], place: str) -> int:
    """Run tasks as Celery would, and commands as `manage.py`; for a fork."""
    from django.core.management import call_command, get_commands

    from portal.celery import app
    from tests.faults import armed_failpoints

    armed_failpoints.arm(place)
    try:
        for name in names:
            if name in get_commands():
                call_command(name)
            else:
                app.tasks[name].run()
    except Exception:  # noqa: BLE001 - whatever it is, it is the answer
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    django.setup()
    from portal.celery import app

    app.loader.import_default_modules()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            code = 1
            # Answers go out there, and commands say what they like.
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            try:
                code = do(order["names"], order["place"])
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
