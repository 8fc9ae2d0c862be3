"""Each page, role or person that a text names exists, and its reader can reach it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.caller import Permission
from portal.http.endpoint_types import SIGNED_IN
from portal.http.endpoints import ENDPOINTS
from portal.models import Role, StaffRole
from tests.billing.staff.staff_clients import staff_client
from tests.builders import Company
from tests.docs_pages import APPS, ROOT

# The pages that texts may name, by their titles.
OF_CUSTOMERS = {
    "Access check": "access-page",
    "Automation": "automation-page",
    "Billing data": "statements-page",
    "Excuses": "excuses-page",
    "Files": "files-page",
    "Home": "home",
    "Licences": "licences-page",
    "People and reminders": "people-page",
    "Required disk space": "disk-space-page",
    "Safe to delete": "safe-to-delete",
    "Servers": "servers-page",
    "Your profile": "profile",
    "Subscription Usage Upload": "upload-page",
    "Uploads": "uploads-page",
}
OF_STAFF = {
    "Billing desk": "staff-desk",
    "Catalogue": "staff-catalogue",
    "Forwarding": "staff-forwarding",
    "Inbox": "staff-inbox",
    "Late": "staff-late",
    "Mail": "staff-mail",
    "Month end": "staff-month-end",
    "Staff": "staff-people",
    "Tenants": "staff-tenants",
    "To decide": "staff-held",
}

# Roles that texts may name. Of those of a tenant the page *People and reminders* has
# the people; the network administrator is the reader's own.
PERSONS = {
    *("tenant admin", "tenant admins", "billing team", "billing staff", "operator"),
    *("network administrator", "colleague", "colleagues", "billing clerk", "staff"),
}

_PAGE = re.compile(r"\bpages? [“*]?([A-Z].*)")
_STRING = re.compile(r"""(?:translate|gettext\w*\(|_\()\s*(?:"([^"]*)"|'([^']*)')""")
_BLOCK = re.compile(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", re.S)
_LINKED = re.compile(
    r"""{% translate "([^"]*\bpages?)" %}\s*<a href="{% url '([\w-]+)'[^"]*">"""
    r"""{% translate "([^"]*)" %}"""
)
_PERSON = re.compile(
    r"\b(?:(tenant|billing|network|portal|system) )?"
    r"(support|help ?desk|administrators?|admins?|operators?|clerks?|staff|team"
    r"|colleagues?|account manager)\b",
    re.I,
)


def sources() -> Iterator[tuple[Path, str]]:
    """Yield templates and modules with texts; adjacent Python strings are joined."""
    for path in sorted((ROOT / "templates").rglob("*.*")):
        yield path, path.read_text(encoding="utf-8")
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path, re.sub(r'"\s*\n\s*"', "", text)


def texts(source: str) -> Iterator[str]:
    for found in _STRING.finditer(source):
        yield found[1] or found[2] or ""
    for found in _BLOCK.finditer(source):
        yield " ".join(found[1].split())


def is_for_staff(path: Path) -> bool:
    name = str(path.relative_to(ROOT))
    words = (
        "/staff",
        "/desk/",
        "/lateness/",
        "forwarding",
        "inbox/",
        "digest",
        "late_",
    )
    return any(word in name for word in words)


def named_page(rest: str) -> str | None:
    """Return the title that a text goes on with, None if it is none."""
    titles = sorted({**OF_CUSTOMERS, **OF_STAFF}, key=len, reverse=True)
    return next((one for one in titles if re.match(rf"{one}\b", rest)), None)


def may_read(url_name: str, *, is_staff: bool) -> bool:
    permission = ENDPOINTS[url_name]["GET"].permission
    needed = Permission.STAFF_READ if is_staff else Permission.READ
    return permission in (SIGNED_IN, needed)


def wrong_pages(path: Path, source: str) -> Iterator[str]:
    """Yield the mentions of pages that do not exist, or that the reader cannot open."""
    is_staff = is_for_staff(path)
    for text in texts(source):
        for found in _PAGE.finditer(text):
            title = named_page(found[1])
            url_name = {**OF_STAFF, **OF_CUSTOMERS}.get(title or "")
            if url_name is None or not may_read(url_name, is_staff=is_staff):
                yield text
    for before, url_name, title in _LINKED.findall(source):
        if {**OF_STAFF, **OF_CUSTOMERS}.get(title) != url_name:
            yield f"{before} {title}"


def unknown_persons(source: str) -> Iterator[str]:
    for text in texts(source):
        named = {" ".join(found).strip().lower() for found in _PERSON.findall(text)}
        if not named <= PERSONS:
            yield text


@pytest.mark.plain
def test_every_page_that_a_text_names_exists_and_its_reader_may_open_it() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {text}"
        for path, source in sources()
        for text in wrong_pages(path, source)
    }
    assert wrong == set()


@pytest.mark.plain
def test_every_person_that_a_text_names_is_known() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {text}"
        for path, source in sources()
        for text in unknown_persons(source)
    }
    assert wrong == set()


@pytest.mark.plain
@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ('_("Compare it with the page Keys.")', ["Compare it with the page Keys."]),
        ('{% translate "See the page Servers." %}', []),
        # Customers cannot open a page of the staff.
        ('_("See the page Mail.")', ["See the page Mail."]),
        (
            """{% translate "on the page" %} <a href="{% url 'files-page' %}">"""
            """{% translate "Servers" %}</a>""",
            ["on the page Servers"],
        ),
    ],
)
def test_a_page_that_does_not_exist_is_noticed(source: str, wrong: list[str]) -> None:
    assert list(wrong_pages(ROOT / "templates" / "usage" / "x.html", source)) == wrong


@pytest.mark.plain
def test_an_unknown_person_is_noticed() -> None:
    said = "Keep the file and contact support with this code."
    assert list(unknown_persons(f'_("{said}")')) == [said]
    assert list(unknown_persons('_("Ask a tenant admin of your company.")')) == []


def test_the_pages_have_the_titles_that_texts_name(alice: Company) -> None:
    admin, clerk = Client(), staff_client(StaffRole.CLERK)
    admin.force_login(alice.people["admin"])
    titles = {
        title: re.findall(
            r"<h1[^>]*>\s*([^<]*?)\s*</h1>",
            client.get(reverse(url_name), follow=True).content.decode(),
        )
        for client, pages in ((admin, OF_CUSTOMERS), (clerk, OF_STAFF))
        for title, url_name in pages.items()
    }
    assert titles == {title: [title] for title in titles}


def test_every_member_finds_the_tenant_admins_of_the_company(alice: Company) -> None:
    viewer = Client()
    viewer.force_login(alice.people["viewer"])
    page = viewer.get("/people").content.decode()
    assert alice.people["admin"].email in page
    assert str(Role.ADMIN.label) in page
