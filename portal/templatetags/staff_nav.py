"""Template tag that returns the links of the staff navigation."""

from django import template

from portal.pages import staff_navigation
from portal.pages.staff_navigation import ShownLink

register = template.Library()


@register.simple_tag
def staff_links(path: str) -> list[ShownLink]:
    """Return the links of the navigation for the page at a path."""
    return staff_navigation.shown_links(path)
