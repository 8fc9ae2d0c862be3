"""Pages, error pages and mails name the support contact."""

from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from portal.mail.message import build_message

PAGES = ("/sign-in", "/nothing-is-here")


def built() -> EmailMultiAlternatives:
    shown = {"name": "Ada", "link": "https://portal.example/x", "days": 3}
    return build_message("password-changed", to="ada@a-1.example", shown=shown)


@pytest.mark.parametrize(
    ("contact", "name"),
    [
        ("mailto:help@vendor.example", "help@vendor.example"),
        ("https://help.vendor.example", "https://help.vendor.example"),
    ],
)
def test_pages_errors_and_mails_name_the_support(
    db: None, settings: Any, contact: str, name: str
) -> None:
    settings.SUPPORT_CONTACT = contact
    pages = [Client().get(path).content.decode() for path in PAGES]
    assert all(f'<a href="{contact}">Help</a>' in page for page in pages)
    assert f'If you need help: <a href="{contact}">{name}</a>' in pages[-1]
    message = built()
    assert str(message.body).endswith(f"\nHelp: {name}\n")
    html = str(message.alternatives[0][0])
    assert f'href="{contact}"' in html


def test_without_a_contact_nothing_offers_help(db: None, settings: Any) -> None:
    settings.SUPPORT_CONTACT = ""
    for path in PAGES:
        assert "Help" not in Client().get(path).content.decode()
    message = built()
    assert "Help" not in str(message.body) + str(message.alternatives[0][0])
