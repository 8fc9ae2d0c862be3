"""The WSGI application that the web server loads."""

import os
import resource
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

from portal.stack import folder

folder.write_privately()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Each file of a plain form is an open file until it is received, 400 of them in a form,
# and each client that waits is one too. Systems let a process have 1024 to begin with,
# and many times that on request: nothing here would fail with larger numbers.
OPEN_FILES = 65_536


class Request(WSGIRequest):
    """A request that is built from any input, so that bad input can be refused."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        # Queries and forms are always UTF-8. Django would use the charset of the
        # content type, and decode the query with it at once: a query of too many
        # fields, or a charset that is not for text, would raise before any code could
        # answer.
        found = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        self.content_type, self.content_params = found


class Application(WSGIHandler):
    request_class = Request


def _raise_open_files_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


_raise_open_files_limit()
django.setup(set_prefix=False)
application = Application()
