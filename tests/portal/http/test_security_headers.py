"""The headers by which browsers limit what a page and a response may do."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal_settings
from django.http import HttpResponseBase
from django.test import Client

from tests.docs_pages import APPS, ROOT

pytestmark = pytest.mark.plain

# Pages, the API, its documents, probes, a static file, and what does not exist.
ANSWERED = (
    *("/healthz", "/forgotten", "/forgotten/sent", "/api/v1/docs"),
    *("/api/v1/openapi.json", "/static/style.css"),
)
REFUSED = ("/nowhere", "/api/v1/nowhere", "/api/v1/files", "/static/", "/static/no.css")


@pytest.fixture
def browser(settings: Any, tmp_path: Path) -> Client:
    (tmp_path / "style.css").write_text("a { color: red }")
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        },
    }
    return Client(raise_request_exception=False)


def get(browser: Client, path: str) -> HttpResponseBase:
    response = browser.get(path, headers={"Origin": "https://elsewhere.example"})
    response.close()
    assert (response.status_code == 200) == (path in ANSWERED)
    return response


def directives(response: HttpResponseBase) -> dict[str, list[str]]:
    policy = response.headers["Content-Security-Policy"]
    found = (one.split() for one in policy.split(";"))
    return {name: sources for name, *sources in found}


@pytest.mark.parametrize("path", ANSWERED + REFUSED)
def test_every_response_limits_what_it_may_load_and_who_may_frame_it(
    browser: Client, path: str
) -> None:
    policy = directives(get(browser, path))
    for forbidden in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert policy[forbidden] == ["'none'"]
    allowed = {source for sources in policy.values() for source in sources}
    assert allowed == {"'none'", "'self'", "data:"}
    assert [name for name in policy if "data:" in policy[name]] == ["img-src"]


@pytest.mark.parametrize("path", ANSWERED + REFUSED)
def test_every_response_keeps_its_type_its_referrer_and_its_window_to_itself(
    browser: Client, path: str
) -> None:
    headers = get(browser, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ANSWERED + REFUSED)
def test_no_response_can_be_read_by_a_page_of_another_origin(
    browser: Client, path: str
) -> None:
    headers = get(browser, path).headers
    assert [name for name in headers if name.startswith("Access-")] == []


# A static file is the same for everybody, and answered before the portal's middleware.
@pytest.mark.parametrize("path", [*ANSWERED[:-1], *REFUSED])
def test_no_page_of_another_site_may_embed_what_the_portal_answers(
    browser: Client, path: str
) -> None:
    headers = get(browser, path).headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ANSWERED + REFUSED)
def test_every_response_says_its_type_and_a_text_its_characters(
    browser: Client, path: str
) -> None:
    kind = get(browser, path).headers["Content-Type"]
    assert re.fullmatch(r'(text/\S+; charset="?utf-8"?|application/json.*)', kind)


def test_every_type_of_text_in_the_code_says_its_characters() -> None:
    sources = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    found = {
        kind
        for path in sources
        for kind in re.findall(
            r'(?:content_type=|kind=|[A-Z_]*(?:TEXT|TYPE) = )"(text/[^"]*)"',
            path.read_text(encoding="utf-8"),
        )
    }
    assert len(found) > 2
    assert [kind for kind in found if "; charset=" not in kind] == []


def test_over_https_every_response_asks_for_https_for_a_year(
    settings: Any, browser: Client
) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    for path in ANSWERED + REFUSED:
        answer = browser.get(path, secure=True)
        answer.close()
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_no_address_lists_a_folder_or_leads_to_stored_files(browser: Client) -> None:
    for path in ("/static/", "/usage/", "/var/usage/", "/media/", "/.git/config"):
        assert browser.get(path).status_code == 404
    stored = Path(portal_settings.VAR) / "usage"
    assert not stored.is_relative_to(portal_settings.VAR / "static")
