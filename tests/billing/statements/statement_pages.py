"""Reads the statement pages as people do."""

import re
from typing import Any

from django.test import Client

from tests.billing.statements.statement_tenants import NAMES


def page(client: Client, path: str, *, status: int = 200) -> str:
    """Return the HTML of a page; fail if it contains the name of a user."""
    answer = client.get(path, follow=True)
    assert answer.status_code == status, answer.status_code
    return _checked(answer)


def send(client: Client, path: str, *, status: int = 200, **fields: Any) -> str:
    """Send a form; return the page that it leads to."""
    answer = client.post(path, fields, follow=True)
    assert answer.status_code == status, answer.status_code
    return _checked(answer)


def words(html: str) -> str:
    """Return what a person reads in the main part of a page."""
    main = html.partition("<main")[2].partition("</main>")[0]
    # It surrounds names within sentences.
    main = re.sub(r"</?bdi>", "", main)
    text = " ".join(re.sub(r"<[^>]+>", " ", main).split())
    return re.sub(r" ([.,:])", r"\1", text)


def _checked(answer: Any) -> str:
    html = str(answer.content.decode())
    assert not [name for name in NAMES if name.lower() in html.lower()]
    return html
