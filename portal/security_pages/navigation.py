"""The staff's link to the security events."""

from django.utils.translation import gettext_lazy as _

from portal.pages.staff_navigation import StaffLink

STAFF_LINKS = (
    StaffLink(
        order=80,
        title=_("Security"),
        url_name="staff-events",
        areas=frozenset({"security-events", "people"}),
    ),
)
