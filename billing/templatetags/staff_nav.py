"""What the staff's navigation says beside its links."""

from django import template

from portal import access
from usage import queues, undecided

register = template.Library()


@register.simple_tag
def held_total() -> int:
    """Count the files of all tenants that wait; in a unit of work of its own."""
    with access.acting_for(access.STAFF, reading=True):
        return undecided.count()


@register.simple_tag
def set_aside_total() -> int:
    """Count what waits for a person to be tried again; in a unit of work of its own."""
    with access.acting_for(access.STAFF, reading=True):
        return sum(queues.set_aside_of(kind).count() for kind in queues.MODELS)
