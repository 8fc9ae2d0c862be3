"""Reads the mails that a test has sent, and their content."""

import re
from urllib.parse import urlsplit

from django.core import mail
from django.core.mail import EmailMultiAlternatives

from portal.db import unit_of_work
from portal.models import AccountMail
from portal.tasks import send_account_mails


def sent() -> list[EmailMultiAlternatives]:
    """Return all mails so far, once those about accounts are sent as well."""
    if are_account_mails_waiting():
        send_account_mails()
    return [one for one in mail.outbox if isinstance(one, EmailMultiAlternatives)]


def are_account_mails_waiting() -> bool:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return AccountMail.objects.filter(outcome="").exists()


def html_of(message: EmailMultiAlternatives) -> str:
    [(content, kind)] = message.alternatives
    assert kind == "text/html"
    return str(content)


def links_of(message: EmailMultiAlternatives) -> set[str]:
    """Return every address that the mail names, in text or HTML."""
    both = f"{message.body}\n{html_of(message)}"
    return set(re.findall(r"https?://[^\s\"'<>]+", both))


def path_of_link(message: EmailMultiAlternatives) -> str:
    """Return the path of the link that lets somebody in."""
    [link] = [one for one in links_of(message) if "/new-password/" in one]
    return urlsplit(link).path
