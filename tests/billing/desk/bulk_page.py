"""Opens three tenants after a deadline, and parses the page of bulk actions."""

import re
from html import unescape
from typing import Any

from django.test import Client

from tests.billing.lateness.late_tenants import (
    BEFORE,
    CHECKED,
    DAY,
    LAST,
    MAY,
    open_periods,
    open_short,
    run_check,
)
from tests.builders import Company

SELECTED, DESK = "/staff/selected", "/staff/"


def open_three(settings: Any) -> list[Company]:
    """Two who sent nothing, and one who sent all; a flag for each of the two."""
    settings.INBOX_BUCKET = ""
    companies = [open_short(number) for number in ("L-1", "L-2", "L-3")]
    open_periods()
    send_all(companies[2])
    assert run_check(CHECKED) == 2
    return companies


def send_all(company: Company) -> None:
    for data in company.server.days(LAST - DAY, LAST + DAY):
        company.send(data, at=BEFORE)


def named(companies: list[Company], act: str, **more: Any) -> dict[str, Any]:
    ids = [str(company.id) for company in companies]
    return {"act": act, "period": str(MAY), "tenant": ids, **more}


def page(client: Client, fields: dict[str, Any], *, status: int = 200) -> str:
    response = client.get(SELECTED, fields)
    assert response.status_code == status
    return response.content.decode()


def post(client: Client, fields: dict[str, Any]) -> str:
    """Send the form; return what the desk says afterwards, as a person reads it."""
    response = client.post(SELECTED, fields, follow=True)
    assert response.redirect_chain == [(f"{DESK}?period={MAY}", 302)]
    return read(response.content.decode())


def read(html: str) -> str:
    main = html.partition("<main")[2]
    return unescape(
        " ".join(re.sub(r"<[^>]+>", " ", re.sub("</?bdi>", "", main)).split())
    )


def by_tenant(html: str) -> dict[str, str]:
    """What a page says will happen, by the tenant's name."""
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = (re.split(r"</t[hd]>", row) for row in body.split("<tr>")[1:])
    texts = ([read(f"<main>{one}") for one in row] for row in cells)
    return {row[0].split()[1]: row[3].removeprefix("> ") for row in texts}


def to_post(html: str) -> dict[str, Any]:
    """Take the page's own form apart, as a browser sends it."""
    form = html.partition('method="post" action="/staff/selected"')[2]
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form.partition("</form>")[0]):
        said = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        fields.setdefault(said["name"], []).append(unescape(said["value"]))
    return fields
