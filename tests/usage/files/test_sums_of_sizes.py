"""The database adds sizes up as the rows of a page show them."""

from datetime import UTC, datetime

from portal.db import unit_of_work
from portal.templatetags.shown import shown_size
from tests.builders import Company
from usage.models import FileState, How, UsageFile
from usage.models.sizes import sum_shown

SIZES = (0, 1, 499, 500, 1_499, 1_500, 99_499, 99_500, 104_999, 105_000, 3_333_333)


def test_the_database_rounds_sizes_as_pages_do(alice: Company) -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    with unit_of_work.acting_for(alice.id):
        assert UsageFile.objects.aggregate(size=sum_shown())["size"] == 0
        for number, size in enumerate(SIZES):
            file = UsageFile.objects.create(
                tenant_id=alice.id,
                state=FileState.REJECTED,
                name="day.usg",
                size=size,
                sha256=bytes([number]) * 32,
                tail=b"",
                how=How.API,
                sent_by="test",
                received_at=at,
                settled_at=at,
            )
            one = UsageFile.objects.filter(pk=file.pk).aggregate(size=sum_shown())
            assert one["size"] == shown_size(size), size
        total = UsageFile.objects.aggregate(size=sum_shown())["size"]
    assert total == sum(map(shown_size, SIZES))
