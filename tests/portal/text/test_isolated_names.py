"""Names that people typed do not move the words beside them, on any page."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template import engines
from django.test import Client

from portal.models import StaffRole
from portal.typed_text.clean import isolated
from tests.billing.staff.staff_clients import staff_client
from tests.builders import Company, open_company
from tests.portal.text.printed_names import TEMPLATES, printed_names

HEBREW = "\u05e9\u05dc\u05d5\u05dd"
COMPANY, SERVER, FILE, PERSON = (f"{HEBREW} {one}" for one in ("(1)", "2", "3", "4"))

# The browser isolates the first; the second shows what is edited; nobody reads others.
APART = {"bdi", "option", "textarea", "script", "style"}

# Pages with names, of a tenant and of the staff.
PAGES = {
    "admin": ["/", "/upload", "/files", "/servers", "/people", "/safe-to-delete"],
    "staff": [
        *("/staff/", "/staff/tenants", "/staff/held", "/staff/late", "/staff/inbox"),
        *("/staff/tenants/H-1", "/staff/tenants/H-1/files", "/staff/forwarding"),
        *("/staff/tenants/H-1/upload", f"/staff/tenants?q={HEBREW}", "/staff/mail"),
    ],
}


@pytest.mark.plain
@pytest.mark.parametrize(
    "path",
    sorted(one for one in TEMPLATES.rglob("*") if one.suffix in (".html", ".txt")),
    ids=lambda path: str(path.relative_to(TEMPLATES)),
)
def test_a_template_isolates_the_names_that_it_prints(path: Path) -> None:
    loose = [
        f"line {one.line}: {one.expression}"
        for one in printed_names(path)
        if not one.is_isolated
    ]
    assert loose == []


@pytest.mark.plain
def test_a_name_in_a_button_is_in_one_element_with_the_words_before_it() -> None:
    """The parts of a button are flex items: a gap would be beside the name."""
    apart = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        if "emails" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for button in re.finditer(
            r'class="button\b[^"]*".*?</(?:button|a)>', text, re.S
        ):
            before_name, bdi, _ = button.group().partition("<bdi>")
            if bdi and "<span" not in before_name:
                apart.append(f"{path.name}: {button.group()[:80]}")
    assert apart == []


@pytest.mark.plain
@pytest.mark.parametrize(
    ("template", "loose"),
    [
        ("<p>{{ tenant.name }}</p>", 1),
        ("<p><bdi>{{ tenant.name }}</bdi></p>", 0),
        ("<bdi></bdi>{{ row.file.server.name }}", 1),
        (
            "{% blocktranslate with n=user.name %}to {{ n }}{% endblocktranslate %}",
            1,
        ),
        ('<p aria-label="of {{ server.name }}"></p>', 1),
        ('<p aria-label="of {{ server.name|isolated }}"></p>', 0),
        ('<a href="?server={{ server.name|urlencode }}"></a>', 0),
        ('<a href="{% url \'a\' %}" title="{{ server.name }}"></a>', 1),
        ("<title>{{ tenant.name }}</title>", 1),
        ("{% block title %}{{ tenant.name|isolated }}{% endblock %}", 0),
        ("<option>{{ server.name }}</option>", 0),
    ],
)
def test_names_are_found_in_templates(
    tmp_path: Path, template: str, loose: int
) -> None:
    path = tmp_path / "page.html"
    path.write_text(template)
    found = printed_names(path, tmp_path)
    assert sum(not one.is_isolated for one in found) == loose


@pytest.mark.plain
def test_a_name_in_plain_text_is_isolated_where_it_runs_to_the_left() -> None:
    template = engines["django"].from_string("{% load shown %}{{ name|isolated }}, 5")
    assert template.render({"name": HEBREW}) == f"\u2068{HEBREW}\u2069, 5"
    assert template.render({"name": "Acme & Co"}) == "Acme &amp; Co, 5"
    assert isolated("M\u00fcnchen") == "M\u00fcnchen"


class LooseNames(HTMLParser):
    """Collects texts in Hebrew that nothing isolates."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in APART:
            self.open.append(tag)
        read = ("aria-label", "title", "placeholder", "alt")
        self.found += [
            f"{tag} {name}: {value}"
            for name, value in attrs
            if name in read and _is_loose(value or "")
        ]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self.open and _is_loose(data):
            self.found.append(data.strip())


def _is_loose(text: str) -> bool:
    return HEBREW in text.replace(f"\u2068{HEBREW}", "")


@pytest.fixture
def hebrew(db: None) -> Company:
    """A company whose name, server, file and people are written in Hebrew."""
    company = open_company("H-1", name=COMPANY, zone="Asia/Jerusalem")
    server = company.registered(SERVER)
    company.send(server.day(date(2026, 5, 18)), name=f"{FILE}.usg")
    company.send(company.writer(f"{SERVER}0").day(date(2026, 5, 18)), name=FILE)
    return company


def _browser(company: Company, who: str) -> Client:
    if who == "staff":
        return staff_client(StaffRole.CLERK)
    client = Client()
    client.force_login(company.people[who])
    return client


@pytest.mark.parametrize("who", PAGES)
def test_a_page_isolates_the_names_that_it_shows(hebrew: Company, who: str) -> None:
    client = _browser(hebrew, who)
    loose = []
    for path in PAGES[who]:
        answer = client.get(path)
        assert answer.status_code == 200, path
        parser = LooseNames()
        parser.feed(answer.content.decode())
        loose += [f"{path}: {one}" for one in parser.found]
    assert loose == []
    assert HEBREW in client.get(PAGES[who][1]).content.decode()
