"""Staff navigation links of forwarding and the inbox."""

from functools import partial

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.pages.staff_navigation import StaffLink
from usage.forwarding import queries as forwarding_queries


def _failed_files(count: int) -> str:
    text = ngettext(
        "%(count)s file is set aside", "%(count)s files are set aside", count
    )
    return text % {"count": count}


LINKS = (
    StaffLink(
        order=50,
        title=_("Forwarding"),
        url_name="staff-forwarding",
        areas=frozenset({"forwarding"}),
        lists=tuple(
            partial(forwarding_queries.failed_of, kind)
            for kind in forwarding_queries.MODELS
        ),
        waiting_text=_failed_files,
    ),
    StaffLink(
        order=60,
        title=_("Inbox"),
        url_name="staff-inbox",
        areas=frozenset({"inbox"}),
    ),
)
