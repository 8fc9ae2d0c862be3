"""Home page tiles of files, servers and automated sending; at most two queries each."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy, ngettext

from portal.accounts.caller import Caller, Permission
from portal.models import Tenant
from portal.pages.tiles import Tile, TileState
from portal.templatetags.shown import grouped, megabytes, total_megabytes
from usage.automation import queries as automation_queries
from usage.automation.presenters import is_silent
from usage.automation.token_rows import expiring_phrase
from usage.connectivity.results import count_access
from usage.disk_space.estimate import VENDOR_LARGEST
from usage.disk_space.needs import RECENT_DAYS
from usage.disk_space.queries import largest_day
from usage.files import overview_queries


def _files_tile(_caller: Caller, at: datetime) -> TileState:
    counts = overview_queries.count_files(at=at)
    if counts.first_at is None:
        return TileState(text=gettext("No file yet."))
    zone = ZoneInfo(Tenant.objects.get().zone)
    text = ngettext(
        "%(count)s file since %(month)s.",
        "%(count)s files since %(month)s.",
        counts.all,
    )
    month = date_format(counts.first_at.astimezone(zone), "F Y")
    return TileState(
        text=text % {"count": grouped(counts.all), "month": month},
        state=", ".join(_attention(counts)),
        mark="missing" if counts.rejected else "with-us",
    )


def _attention(counts: overview_queries.FileCounts) -> list[str]:
    """Return a phrase for each kind of file that somebody should look at."""
    found = [
        (counts.rejected, gettext("%(count)s rejected in the last 7 days")),
        (counts.held, gettext("%(count)s held")),
        (counts.received, gettext("%(count)s being checked")),
    ]
    return [text % {"count": grouped(count)} for count, text in found if count]


def _safe_tile(_caller: Caller, _at: datetime) -> TileState:
    sums = overview_queries.sum_safe_files()
    count = sum(one.files for one in sums)
    if not count and not settings.FORWARDING:
        return TileState(text=gettext("This portal forwards no files to an archive."))
    if not count:
        return TileState(text=gettext("Nothing is confirmed in the archive yet."))
    text = ngettext(
        "%(count)s file, %(size)s, is accepted and confirmed in the archive.",
        "%(count)s files, %(size)s, are accepted and confirmed in the archive.",
        count,
    )
    size = total_megabytes(sum(one.size for one in sums))
    return TileState(text=text % {"count": grouped(count), "size": size})


def _servers_tile(_caller: Caller, _at: datetime) -> TileState:
    counts = overview_queries.count_servers()
    if not counts.servers:
        return TileState(text=gettext("No server yet."))
    text = ngettext(
        "%(count)s server writes usage files.",
        "%(count)s servers write usage files.",
        counts.servers,
    )
    state, mark = "", ""
    if counts.proposed:
        state = ngettext(
            "%(count)s key is to be confirmed",
            "%(count)s keys are to be confirmed",
            counts.proposed,
        ) % {"count": counts.proposed}
        mark = "partial"
    elif counts.requests:
        state = ngettext(
            "%(count)s request waits for the billing team",
            "%(count)s requests wait for the billing team",
            counts.requests,
        ) % {"count": counts.requests}
        mark = "with-us"
    return TileState(text=text % {"count": counts.servers}, state=state, mark=mark)


def _disk_space_tile(_caller: Caller, at: datetime) -> TileState:
    largest = largest_day(since=at.date() - timedelta(days=RECENT_DAYS))
    if largest is None:
        return TileState(
            text=gettext("The space that usage files need on each server.")
        )
    is_large = largest > VENDOR_LARGEST
    return TileState(
        text=gettext("Largest day of a server in the last 4 weeks: %(size)s.")
        % {"size": megabytes(largest)},
        state=gettext("more than 10 MB a day") if is_large else "",
        mark="partial" if is_large else "",
    )


def _access_tile(_caller: Caller, _at: datetime) -> TileState:
    found = count_access()
    if not found.machines:
        return TileState(text=gettext("Can the servers reach Amazon S3?"))
    text = ngettext(
        "%(count)s server has reported a check.",
        "%(count)s servers have reported a check.",
        found.machines,
    ) % {"count": grouped(found.machines)}
    if not found.blocked:
        return TileState(text=text)
    state = gettext("%(count)s without full access") % {"count": grouped(found.blocked)}
    return TileState(text=text, state=state, mark="partial")


def _automation_tile(_caller: Caller, at: datetime) -> TileState:
    runs = automation_queries.last_runs()
    expiring = automation_queries.expiring_tokens(at=at)
    phrases = [expiring_phrase(expiring)] if expiring else []
    if not runs:
        text = gettext("Servers can send usage files by themselves.")
        return _with_phrases(text, phrases)
    text = ngettext(
        "%(count)s server reports its runs.",
        "%(count)s servers report their runs.",
        len(runs),
    ) % {"count": grouped(len(runs))}
    silent = sum(is_silent(one.reported_at, at=at) for one in runs)
    if silent:
        state = gettext("%(count)s silent for more than 2 days")
        phrases.insert(0, state % {"count": grouped(silent)})
    return _with_phrases(text, phrases)


def _with_phrases(text: str, phrases: list[str]) -> TileState:
    return TileState(
        text=text, state=", ".join(phrases), mark="partial" if phrases else ""
    )


TILES = (
    Tile(
        order=10,
        title=gettext_lazy("Files"),
        url_name="files-page",
        needs=Permission.READ,
        load_state=_files_tile,
    ),
    Tile(
        order=30,
        title=gettext_lazy("Safe to delete"),
        url_name="safe-to-delete",
        needs=Permission.READ,
        load_state=_safe_tile,
    ),
    Tile(
        order=40,
        title=gettext_lazy("Servers"),
        url_name="servers-page",
        needs=Permission.READ,
        load_state=_servers_tile,
    ),
    Tile(
        order=45,
        title=gettext_lazy("Required disk space"),
        url_name="disk-space-page",
        needs=Permission.READ,
        load_state=_disk_space_tile,
    ),
    Tile(
        order=42,
        title=gettext_lazy("Access check"),
        url_name="access-page",
        needs=Permission.READ,
        load_state=_access_tile,
    ),
    Tile(
        order=60,
        title=gettext_lazy("Automation"),
        url_name="automation-page",
        needs=Permission.READ,
        load_state=_automation_tile,
    ),
)
