"""Configures gunicorn, for `make run` and for the container alike."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from portal.stack.ports import LOOPBACK
from portal.stack.settings import REQUESTS_END_WITHIN

# Names and defaults as in `portal.env`, which needs Django and so is not asked.
workers = int(os.environ.get("WEB_WORKERS") or 2)
threads = int(os.environ.get("WEB_THREADS") or 64)
bind = f"{LOOPBACK}:{os.environ.get('PORT') or 8000}"

worker_class = "portal.stack.web_worker.Worker"

# Connections of a worker, with a thread or without: the bound on stalled ones.
worker_connections = 1000

# A person who reads a page comes back on the same connection.
keepalive = 15

# When asked to stop gently (TERM), as `make run` and containers do. QUIT does not
# wait: what was answered is not lost by it, what was not is to be sent again.
graceful_timeout = REQUESTS_END_WITHIN

# A worker whose event loop has not turned for so long is taken for dead. It says
# nothing about requests, which run in threads.
timeout = 60

# The request line is bounded together with the headers (web_worker.LONGEST_HEAD),
# so that an absurd file name reaches the application, which says what is wrong.
limit_request_line = 0
limit_request_fields = 100
limit_request_field_size = 8190

# On by default, at one fixed place in the home folder: two copies would fight.
control_socket_disable = True

# A heartbeat must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat

# No header says where the application begins, or that a request came by https: what a
# proxy may say is a setting of the application (TRUSTED_PROXY).
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# Sign-in and invitation links are secrets, and a log of URLs would hold them. The
# application logs what is worth knowing.
accesslog = None
errorlog = "-"
loglevel = "warning"

# glibc keeps a pool of memory for each thread, up to eight per core, and each pool
# keeps what its largest file took. Two pools for a process's threads cost no time
# that could be measured, and a quarter of the memory (docs/performance.md).
M_ARENA_MAX = -8
ARENAS = 2
with suppress(AttributeError):  # other C libraries have no such call
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
