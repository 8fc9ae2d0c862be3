"""gunicorn as in production, with one process of few threads and with small limits."""

import json
import os
from importlib import import_module

from portal.stack.gunicorn_conf import *  # noqa: F403 - the product's own configuration

workers, threads, worker_connections = 1, 4, 60

for name, value in json.loads(os.environ.get("SMALL_LIMITS") or "{}").items():
    module, _, constant = name.partition("__")
    if constant:
        setattr(import_module(f"portal.stack.{module}"), constant, value)
    else:
        globals()[name] = value
