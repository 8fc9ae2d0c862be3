"""Files in plain forms are dropped while the form is read."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from portal.http import request_bodies
from portal.http.endpoints import ENDPOINTS

pytestmark = pytest.mark.plain

FILES = ENDPOINTS["upload-page"]["POST"]
FORM = ENDPOINTS["receipt"]["POST"]


def test_files_in_a_plain_form_are_dropped() -> None:
    for endpoint, kept in ((FORM, []), (FILES, ["file"])):
        file = SimpleUploadedFile("a.usg", b"u" * 100_000)
        request = RequestFactory().post("/x", {"ids": "1", "file": file})
        request_bodies.require(request, endpoint)
        assert request.POST["ids"] == "1"
        assert list(request.FILES) == kept
        request.close()
