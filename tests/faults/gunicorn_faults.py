"""gunicorn as in production, with two changes that make killed workers cheap.

The application is loaded once, by the master, so that the worker that follows a
killed one is there in a moment; and each worker may be told where it has to die.
"""

from typing import Any

from portal.stack.gunicorn_conf import *  # noqa: F403 - the product's own configuration
from tests.faults import armed_failpoints

preload_app = True


def post_fork(_server: Any, _worker: Any) -> None:
    """Take the next place from the list, before the worker serves anybody."""
    armed_failpoints.arm_from_list()
