"""Long bodies: a few at once in a process, and of one tenant fewer."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from portal.accounts.caller import Caller
from portal.errors import Unavailable
from portal.http import body_slots
from portal.http.endpoint_types import KIB, MIB, Endpoint
from portal.http.endpoints import ENDPOINTS
from portal.http.middleware import PermissionMiddleware

pytestmark = pytest.mark.plain

FILES = ENDPOINTS["upload-page"]["POST"]
FORM = ENDPOINTS["receipt"]["POST"]
UPLOAD = ENDPOINTS["api:upload"]["PUT"]

ALICE, CHARLIE, ERIN = (Caller("x", tenant, frozenset()) for tenant in (1, 2, 3))
CLERK, OTHER_CLERK = (Caller("x", None, frozenset(), user_id=one) for one in (1, 2))


def request_of(length: int) -> Any:
    request = RequestFactory().post("/upload")
    request.META["CONTENT_LENGTH"] = str(length)
    return request


def taken(caller: Caller, length: int, endpoint: Endpoint) -> HttpRequest:
    """Take a slot for a request that has announced its body."""
    request: HttpRequest = request_of(length)
    body_slots.take(request, endpoint, caller)
    return request


def release(*requests: HttpRequest) -> None:
    for request in requests:
        body_slots.release(request)


def test_large_forms_are_read_a_few_at_a_time() -> None:
    reading = [taken(one, 2 * MIB, FILES) for one in (ALICE, CHARLIE)]
    with pytest.raises(Unavailable, match="busy"):
        taken(ERIN, 2 * MIB, FILES)
    # Small ones need no slot, and other endpoints have none.
    release(taken(ERIN, MIB, FILES), taken(ERIN, 2 * MIB, FORM))
    release(reading[0], reading[0])
    again = taken(ERIN, 2 * MIB, FILES)
    with pytest.raises(Unavailable, match="busy"):
        taken(ALICE, 2 * MIB, FILES)
    release(reading[1], again)


@pytest.mark.parametrize(("one", "other"), [(ALICE, CHARLIE), (CLERK, OTHER_CLERK)])
def test_one_tenant_reads_one_large_form_at_a_time(one: Caller, other: Caller) -> None:
    reading = taken(one, 2 * MIB, FILES)
    with pytest.raises(Unavailable, match="busy"):
        taken(one, 2 * MIB, FILES)
    release(taken(other, 2 * MIB, FILES), reading)
    release(taken(one, 2 * MIB, FILES))


def test_long_uploads_of_one_tenant_leave_threads_to_all_others() -> None:
    for_one = body_slots.UPLOADS.for_one
    # Half of the threads read long bodies: two tenants could not take all of these.
    assert for_one * 2 <= body_slots.UPLOADS.in_all // 2
    reading = [taken(ALICE, 65 * KIB, UPLOAD) for _ in range(for_one)]
    with pytest.raises(Unavailable, match="busy"):
        taken(ALICE, 65 * KIB, UPLOAD)
    release(taken(CHARLIE, 65 * KIB, UPLOAD), taken(ALICE, 64 * KIB, UPLOAD))
    release(*reading)
    release(taken(ALICE, 65 * KIB, UPLOAD))


def test_a_large_form_that_fails_releases_its_slot() -> None:
    def fail(request: HttpRequest) -> HttpResponse:
        body_slots.take(request, FILES, ALICE)
        raise LookupError

    middleware = PermissionMiddleware(fail)
    for _ in range(2):
        request = request_of(2 * MIB)
        request.session = type("NoSession", (), {"session_key": None})()
        with pytest.raises(LookupError):
            middleware(request)
