"""Large forms are read a few at a time, and files in plain forms are dropped."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from portal.errors import Unavailable
from portal.http import request_bodies
from portal.http.endpoints import ENDPOINTS, MIB, Endpoint
from portal.http.middleware import PermissionMiddleware

pytestmark = pytest.mark.plain

FILES = ENDPOINTS["upload-page"]["POST"]
FORM = ENDPOINTS["receipt"]["POST"]


def form(length: int, endpoint: Endpoint = FILES) -> HttpRequest:
    """Make a request that has announced its body, and is let in or refused."""
    request = RequestFactory().post("/upload")
    request.META["CONTENT_LENGTH"] = str(length)
    request_bodies.take_form_slot(request, endpoint)
    return request


def test_large_forms_are_read_a_few_at_a_time() -> None:
    reading = [form(2 * MIB) for _ in range(request_bodies.LARGE_FORMS)]
    with pytest.raises(Unavailable, match="busy"):
        form(2 * MIB)
    # Those that are small wait for nobody, and other endpoints have none.
    small = [form(MIB), form(2 * MIB, FORM)]
    for request in [*small, reading[0]]:
        request_bodies.release_form_slot(request)
    again = form(2 * MIB)
    with pytest.raises(Unavailable, match="busy"):
        form(2 * MIB)
    for request in [*reading, again]:
        request_bodies.release_form_slot(request)


def test_a_large_form_that_fails_releases_its_slot() -> None:
    def fail(request: HttpRequest) -> HttpResponse:
        request_bodies.take_form_slot(request, FILES)
        raise LookupError

    middleware = PermissionMiddleware(fail)
    for _ in range(request_bodies.LARGE_FORMS + 1):
        request: Any = RequestFactory().post("/upload")
        request.META["CONTENT_LENGTH"] = str(2 * MIB)
        request.session = type("NoSession", (), {"session_key": None})()
        with pytest.raises(LookupError):
            middleware(request)


def test_files_in_a_plain_form_are_dropped() -> None:
    for endpoint, kept in ((FORM, []), (FILES, ["file"])):
        file = SimpleUploadedFile("a.usg", b"u" * 100_000)
        request = RequestFactory().post("/x", {"ids": "1", "file": file})
        request_bodies.require(request, endpoint)
        assert request.POST["ids"] == "1"
        assert list(request.FILES) == kept
        request.close()
