"""What the staff's navigation says beside its links."""

from django import template

from billing import excuses, late_list, licensing, mail_box
from portal import access
from usage import queues, requests, undecided

register = template.Library()


@register.simple_tag
def held_total() -> int:
    """Count what waits to be decided, of all tenants; in a unit of work of its own."""
    with access.acting_for(access.STAFF, reading=True):
        asked = (
            requests.open_requests(),
            excuses.open_excuses(),
            licensing.open_requests(),
        )
        return undecided.count() + sum(one.count() for one in asked)


@register.simple_tag
def late_total() -> int:
    """Count flags nobody has decided about, and stops; in a unit of work of its own."""
    with access.acting_for(access.STAFF, reading=True):
        return late_list.to_decide() + late_list.stops().count()


@register.simple_tag
def set_aside_total() -> int:
    """Count what waits for a person to be tried again; in a unit of work of its own."""
    with access.acting_for(access.STAFF, reading=True):
        return sum(queues.set_aside_of(kind).count() for kind in queues.MODELS)


@register.simple_tag
def mails_to_look_at() -> int:
    """Count the mails that are unsure or failed; in a unit of work of its own."""
    with access.acting_for(access.STAFF, reading=True):
        return mail_box.unsure_or_failed()
