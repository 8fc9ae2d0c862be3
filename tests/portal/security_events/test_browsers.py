"""Browsers in words: what a client says of itself, and nothing of its own text."""

import pytest

from portal.security_events.browsers import browser_text

pytestmark = pytest.mark.plain

_LIKE = "AppleWebKit/537.36 (KHTML, like Gecko)"
_WINDOWS = f"Mozilla/5.0 (Windows NT 10.0) {_LIKE}"


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        (f"{_WINDOWS} Chrome/140 Safari/537", "Chrome on Windows"),
        (f"{_WINDOWS} Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel) Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) CriOS/140 Safari/6", "Chrome on iPhone"),
        (f"Mozilla/5.0 (Linux; Android 15) {_LIKE} Chrome/140", "Chrome on Android"),
        ("Firefox/3", "Firefox"),
        ("Windows", "a browser on Windows"),
        ("curl/8.5", "a program"),
        ("python-requests/2", "a program"),
        ("", "an unknown browser"),
        ("<script>\u202e\0", "an unknown browser"),
    ],
)
def test_a_browser_is_named(agent: str, text: str) -> None:
    assert browser_text(agent) == text
