"""Builds mails from templates: subject, text, HTML, and the headers of every mail.

The templates of a mail are `emails/<name>-subject.txt`, `-body.txt` and `-body.html`.
Mail programs read no stylesheets, so the rules of `emails/message.css` are written into
the elements when the mail is built.
"""

import hashlib
import re
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.translation import gettext

# Prevent automatic replies: no person reads them. Exchange ignores the first header
# (RFC 3834), and sends its absence notes unless it finds the second.
_AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_ELEMENT = re.compile(r"<([a-z][a-z0-9]*)((?: [^<>]*)?)>")
_CLASS = re.compile(r' class="([^"]*)"')


def build_message(
    name: str, *, to: str, shown: Mapping[str, Any], stop_page: str = ""
) -> EmailMultiAlternatives:
    """Build the mail `name` to one person; `shown` is the context of its templates.

    `stop_page` is the URL name of the page on which the reader can stop such mails;
    empty where they cannot. There is no one-click address: it would have to work
    without signing in, and whoever gets a forwarded mail could stop somebody's mails.
    """
    context = {**shown, "portal_address": settings.PORTAL_ADDRESS, "to": to}
    subject = render_to_string(f"emails/{name}-subject.txt", context)
    message = EmailMultiAlternatives(
        # Names may hold line breaks; a header may not.
        subject=" ".join(subject.split()),
        body=_text(name, context),
        to=[to],
        headers=dict(_AUTOMATIC),
    )
    if stop_page:
        page = render_to_string(
            "emails/stop-page.txt", {**context, "stop_page": stop_page}
        )
        message.extra_headers["List-Unsubscribe"] = f"<{page.strip()}>"
    html = render_to_string(f"emails/{name}-body.html", context)
    css = render_to_string("emails/message.css")
    message.attach_alternative(inline_styles(html, css), "text/html")
    return message


def _text(name: str, context: Mapping[str, Any]) -> str:
    """Return the text of a mail; the last line is the support contact, if set."""
    text = render_to_string(f"emails/{name}-body.txt", dict(context)).strip()
    if settings.SUPPORT_CONTACT:
        address = settings.SUPPORT_CONTACT.removeprefix("mailto:")
        text += "\n" + gettext("Help: %(address)s") % {"address": address}
    return text + "\n"


def message_id_for(kind: str, *parts: str) -> str:
    """Return a Message-ID: the same for the same mail, whenever it is built."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    host = address.rpartition("@")[2] or urlsplit(settings.PORTAL_ADDRESS).hostname
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return f"<{kind}-{digest}@{host}>"


def inline_styles(html: str, css: str) -> str:
    """Write each CSS rule of an element or a class into the matching elements.

    Rules of a media query cannot be written there, and stay in a stylesheet.
    """
    plain, at, media = _COMMENT.sub("", css).partition("@media")
    rules = [
        (selector.strip(), " ".join(body.split()))
        for selector, body in _RULE.findall(plain)
    ]

    def add_style(found: re.Match[str]) -> str:
        tag, attributes = found.groups()
        names = _CLASS.search(attributes)
        selectors = {tag, *(f".{name}" for name in (names[1].split() if names else ()))}
        style = " ".join(body for selector, body in rules if selector in selectors)
        style_attribute = f' style="{escape(style)}"' if style else ""
        return f"<{tag}{attributes}{style_attribute}>"

    sheet = f"<style>{at}{media}</style></head>"
    return _ELEMENT.sub(add_style, html).replace("</head>", sheet, 1)
