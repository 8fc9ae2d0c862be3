"""A full disk: a clear answer, nothing half done, and other requests succeed.

The limit is the kernel's own, on the size of any file that the web server writes.
"""

import resource
from collections.abc import Callable, Iterator

import pytest

from tests.faults.answer_log import FinalState, SentContent
from tests.faults.customer_client import FaultClient
from tests.faults.killable_portal import KillablePortal
from tests.journeys.stored_files import bytes_below

pytestmark = pytest.mark.faults

# Bytes: more than the small file below has, and less than the large one.
ROOM = 200_000
LARGE = 500_000


@pytest.fixture
def no_room(killable: KillablePortal) -> Iterator[Callable[[int], None]]:
    """Let the server's files grow so far and no further."""
    before = resource.prlimit(killable.worker, resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        hard = before[1]
        resource.prlimit(killable.worker, resource.RLIMIT_FSIZE, (size, hard))

    yield limit
    resource.prlimit(killable.worker, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_clearly_and_keeps_nothing(
    killable: KillablePortal,
    open_client: Callable[..., FaultClient],
    no_room: Callable[[int], None],
) -> None:
    client = open_client()
    day = client.customer.good()
    data = day.data * (LARGE // len(day.data))
    large = SentContent(day.tenant, data, FinalState.REJECTED, day.server, day.day)
    before = bytes_below(killable.var)
    no_room(ROOM)
    assert client.try_once(large) is None
    assert client.answer_log.refusals == {"503 storage-full": 1}
    assert bytes_below(killable.var) == before
    # What there is room for is taken as ever, by the same process.
    assert client.send(day).state == FinalState.ACCEPTED
    no_room(resource.RLIM_INFINITY)
    assert client.send(large).state == FinalState.REJECTED
    report = killable.finish_and_check(client)
    assert (report.bad, report.stray) == ([], [])
