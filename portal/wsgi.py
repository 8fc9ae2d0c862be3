"""What the web server loads."""

import os
import resource

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Each file of a plain form is an open file until it is taken in, 400 of them in a form,
# and each client that waits is one too. Systems let a process have 1024 to begin with,
# and many times that where it asks: nothing here would fail with larger numbers.
OPEN_FILES = 65_536


def _ask_for_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


_ask_for_open_files()
application = get_wsgi_application()
