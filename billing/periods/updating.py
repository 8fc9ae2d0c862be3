"""Finds the tenants whose summaries are being updated, for lists, exports and mails."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext, ngettext

from billing.periods import sql as period_sql
from portal.db import unit_of_work
from portal.templatetags.shown import grouped

# Tenants are counted up to this number; openings make more of them stale.
MOST_COUNTED = 1_000

# Tenants that a text names.
_NAMED = 10

# Longest time that an export waits for stale summaries, in seconds.
WAIT_FOR = 30.0

# Seconds between two checks of an export.
_LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class UpdatingTenants:
    """Tenants with a stale summary that will be refreshed, and those that cannot be.

    `count` is of the first kind, at most one more than `MOST_COUNTED`; `numbers` has
    the first of them, `since` is when the oldest of their marks was set. `failed` are
    the numbers of the others.
    """

    count: int = 0
    numbers: tuple[str, ...] = ()
    since: datetime | None = None
    failed: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text for pages; empty if there are none."""
        if self.count > MOST_COUNTED:
            text = gettext("In all, more than %(count)s tenants are being updated.")
            return text % {"count": grouped(MOST_COUNTED)}
        text = ngettext(
            "In all, %(count)s tenant is being updated.",
            "In all, %(count)s tenants are being updated.",
            self.count,
        )
        return text % {"count": grouped(self.count)} if self.count else ""

    @property
    def names_text(self) -> str:
        """The text with the tenants' numbers, for mails; empty if there are none."""
        if not self.count:
            return ""
        names = ", ".join(self.numbers)
        if self.count > len(self.numbers):
            names = gettext("%(names)s and others") % {"names": names}
        text = ngettext(
            "The newest files and changes of this tenant are not counted yet:"
            " %(names)s",
            "The newest files and changes of these tenants are not counted yet:"
            " %(names)s",
            self.count,
        )
        return text % {"names": names}

    @property
    def failed_text(self) -> str:
        """The text about failed tenants; empty if there are none."""
        if not self.failed:
            return ""
        text = gettext(
            "The summaries of these tenants cannot be computed: %(names)s. Their"
            " numbers may be out of date, and the tenants are not flagged as late. The"
            " log of the portal shows why."
        )
        return text % {"names": ", ".join(self.failed)}


def stale_text(*, is_updating: bool, has_failed: bool) -> str:
    """Return what lists add to numbers of a stale summary; empty if it is fresh."""
    if not is_updating:
        return ""
    return gettext("cannot be computed") if has_failed else gettext("being updated")


def updating_tenants(period: str = "") -> UpdatingTenants:
    """Return the tenants with a stale summary, of one period or of any.

    In a unit of work of the staff; one query.
    """
    parameters: dict[str, Any] = {"period": period, "most": MOST_COUNTED + 1}
    with connection.cursor() as cursor:
        cursor.execute(period_sql.UPDATING, parameters)
        rows = cursor.fetchall()
    waiting = [(number, since) for number, since, has_failed in rows if not has_failed]
    return UpdatingTenants(
        count=len(waiting),
        numbers=tuple(number for number, _ in waiting[:_NAMED]),
        since=min((since for _, since in waiting), default=None),
        failed=tuple(number for number, _, has_failed in rows if has_failed),
    )


def await_fresh(period: str = "") -> None:
    """Wait until no summary is stale, except failed ones.

    For at most `WAIT_FOR` seconds; the export then marks stale tenants. Holds no lock
    and no connection meanwhile. Begins and ends units of work of its own.
    """
    until = time.monotonic() + WAIT_FOR
    while time.monotonic() < until:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            if not updating_tenants(period).count:
                return
        time.sleep(_LOOK_EVERY)
