"""The pages' scripts wait for answers in one way, and name failures that have texts."""

import re
from pathlib import Path

import pytest

from usage.uploads.failure_text import FAILURES, failure_text

pytestmark = pytest.mark.plain

STATIC = Path(__file__).parents[2] / "portal" / "static" / "portal"


def test_one_module_alone_sends_requests() -> None:
    senders = {
        path.name
        for path in STATIC.rglob("*.mjs")
        if re.search(
            r"(?<![#.\w])fetch\(|XMLHttpRequest\(|sendBeacon\(", path.read_text()
        )
    }
    assert senders == {"exchange.mjs"}


def test_each_failure_that_a_script_names_has_a_text() -> None:
    exchange = (STATIC / "exchange.mjs").read_text()
    items = (STATIC / "upload" / "items.mjs").read_text()
    begin = exchange.index("export function interference")
    named = set(re.findall(r'"((?:un|block)[a-z-]+)"', exchange[begin:]))
    named |= set(re.findall(r'"(unreadable-[a-z]+|too-large|no-answer)"', items))
    assert {"blocked", "blocked-size", "unreached", "unreadable-open"} <= named
    assert named <= set(FAILURES)


def test_the_text_of_a_failure_has_the_status_and_whom_to_ask() -> None:
    text = failure_text("failed", "blocked-size", 413)
    assert "refused the file (status 413)" in str(text.title)
    assert "network administrator" in str(text.advice)
    assert "{" not in str(failure_text("failed", "blocked", None).title)


def test_an_unknown_code_has_a_text() -> None:
    assert failure_text("failed", "x-y", None) == FAILURES["no-answer"]
    assert failure_text("stopped", "", None) == FAILURES["stopped"]
    busy = failure_text("failed", "busy", None)
    assert busy.title == "The portal is busy."
