"""Sums of sizes in the database, which the rows of a page add up to."""

from django.db.models import Case, F, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from portal.templatetags.shown import KILOBYTE, MEGABYTES_FROM


def sum_shown(field: str = "size") -> Coalesce:
    """Return the sum of sizes as `portal.templatetags.shown.shown_size` has them."""
    size = F(field)
    in_kilobytes = Greatest((size + 500) / KILOBYTE, Value(1)) * KILOBYTE
    shown = Case(
        When(**{field: 0}, then=Value(0)),
        When(**{f"{field}__lt": MEGABYTES_FROM}, then=in_kilobytes),
        default=(size + 5_000) / 10_000 * 10_000,
    )
    return Coalesce(Sum(shown), Value(0))
