"""There is no room for a file: a clear answer, nothing half done, and others go on.

The limit is the kernel's own, on the size of any file that the web server writes.
"""

import resource
from collections.abc import Callable, Iterator

import pytest

from tests.faults.answer_log import Content, Fate
from tests.faults.customer_client import Client
from tests.faults.killable_portal import Rig
from tests.journeys.stored_files import bytes_below

pytestmark = pytest.mark.faults

# Bytes: more than the small file below has, and less than the large one.
ROOM = 200_000
LARGE = 500_000


@pytest.fixture
def no_room(rig: Rig) -> Iterator[Callable[[int], None]]:
    """Let the server's files grow so far and no further."""
    before = resource.prlimit(rig.worker, resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        hard = before[1]
        resource.prlimit(rig.worker, resource.RLIMIT_FSIZE, (size, hard))

    yield limit
    resource.prlimit(rig.worker, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_clearly_and_keeps_nothing(
    rig: Rig, open_client: Callable[..., Client], no_room: Callable[[int], None]
) -> None:
    client = open_client()
    day = client.customer.good()
    data = day.data * (LARGE // len(day.data))
    large = Content(day.tenant, data, Fate.REJECTED, day.server, day.day)
    before = bytes_below(rig.var)
    no_room(ROOM)
    assert client.try_once(large) is None
    assert client.ledger.refusals == {"503 storage-full": 1}
    assert bytes_below(rig.var) == before
    # What there is room for is taken as ever, by the same process.
    assert client.send(day).state == Fate.ACCEPTED
    no_room(resource.RLIM_INFINITY)
    assert client.send(large).state == Fate.REJECTED
    findings = rig.judge(client)
    assert (findings.bad, findings.stray) == ([], [])
