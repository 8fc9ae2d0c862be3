"""What the staff's navigation says beside its links."""

from django import template

from portal import access
from usage import undecided

register = template.Library()


@register.simple_tag
def held_total() -> int:
    """Count the files of all tenants that wait; in a unit of work of its own."""
    with access.acting_for(access.STAFF, reading=True):
        return undecided.count()
