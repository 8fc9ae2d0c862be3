"""Fifty writers at once make one unbroken trail, and none of them waits for ever."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import AuditEntry
from tests.builders import NOW, Company

# Each has a connection of its own: DATABASE_POOL is 64.
WRITERS = 50
EACH = 6

# Far more than it takes: a deadlock would be found after a second, a lock that is never
# released after ten.
SECONDS = 30


def test_fifty_writers_make_one_unbroken_trail_each(
    alice: Company, charlie: Company
) -> None:
    trails: list[int | None] = [alice.id, charlie.id, None]

    def write(writer: int) -> None:
        order = random.Random(writer)
        try:
            for number in range(EACH):
                tenant_id = trails[order.randrange(len(trails))]
                who = unit_of_work.STAFF if tenant_id is None else tenant_id
                if order.random() < 0.3:
                    who = unit_of_work.STAFF
                with unit_of_work.acting_for(who):
                    append(tenant_id, writer, number)
                    # As an act on many things writes several entries at once.
                    append(tenant_id, writer, number)
        finally:
            connection.close()

    begun = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert time.monotonic() - begun < SECONDS
    written: Counter[str] = Counter()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        for tenant_id in trails:
            assert audit_log.first_break(tenant_id=tenant_id) is None
            entries = AuditEntry.objects.filter(tenant=tenant_id, act="tried")
            written.update(entries.values_list("actor", flat=True))
    assert written == {f"writer {number}": 2 * EACH for number in range(WRITERS)}


def append(tenant_id: int | None, writer: int, number: int) -> None:
    audit_log.append(
        tenant_id=tenant_id,
        actor=f"writer {writer}",
        act="tried",
        subject=str(number),
        at=NOW,
    )
