"""Names and flags of cookies: what browsers accept from this host alone."""

import re
import runpy
from typing import Any

import pytest

from tests.docs_pages import ROOT

pytestmark = pytest.mark.plain

EXCHANGE = ROOT / "portal/static/portal/exchange.mjs"


def settings_at(address: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the settings of a portal with this address."""
    monkeypatch.setenv("PORTAL_ADDRESS", address)
    return runpy.run_path(str(ROOT / "portal/settings.py"))


@pytest.mark.parametrize(
    ("address", "prefix"),
    [("https://portal.example", "__Host-"), ("http://127.0.0.1:8000", "")],
)
def test_under_https_cookies_are_secure_and_of_this_host_alone(
    monkeypatch: pytest.MonkeyPatch, address: str, prefix: str
) -> None:
    found = settings_at(address, monkeypatch)
    names = [found[f"{one}_COOKIE_NAME"] for one in ("SESSION", "CSRF")]
    names.append(found["KNOWN_BROWSER_COOKIE_NAME"])
    assert names == [
        f"{prefix}{n}" for n in ("sessionid", "csrftoken", "known_browser")
    ]
    is_secure = bool(prefix)
    # Those of notices and of known browsers are as that of the session.
    assert found["SESSION_COOKIE_SECURE"] is is_secure
    assert found["CSRF_COOKIE_SECURE"] is is_secure
    assert found["SESSION_COOKIE_SAMESITE"] == found["CSRF_COOKIE_SAMESITE"] == "Lax"
    # The prefix asks for the path / and no domain, which are Django's defaults.
    changed = {"SESSION_COOKIE_PATH", "SESSION_COOKIE_DOMAIN"}
    changed |= {one.replace("SESSION", "CSRF") for one in changed}
    assert not changed & set(found)


def test_scripts_read_the_csrf_token_by_the_names_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = EXCHANGE.read_text(encoding="utf-8")
    [listed] = re.findall(r"CSRF_COOKIES = \[(.*)\];", text)
    assert re.findall(r'"([^"]+)="', listed) == [
        settings_at(address, monkeypatch)["CSRF_COOKIE_NAME"]
        for address in ("https://portal.example", "http://127.0.0.1:8000")
    ]
