"""Ends the processes of Celery's worker when the worker ends (`--include`).

When the worker is killed, a process in the middle of a task would carry on until
that ends, beside those of the next worker.
"""

import signal
from typing import Any

from celery.signals import worker_process_init

from portal.stack import launch


@worker_process_init.connect(weak=False)
def end_with_the_worker(**_: Any) -> None:
    """Ask the kernel for a signal on the worker's end."""
    launch.die_with_parent(signal.SIGKILL)
