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


def scripts_with(pattern: str) -> set[str]:
    return {
        path.name
        for path in STATIC.rglob("*.mjs")
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }


def test_no_script_runs_text_or_writes_it_as_html() -> None:
    run = r"\beval\(|new Function\(|set(Timeout|Interval)\(\s*[\"'`]"
    written = r"(inner|outer)HTML|insertAdjacentHTML|document\.write|srcdoc|setHTML"
    assert scripts_with(f"{run}|{written}|createContextualFragment") == set()
    # They take parts out of a page of the portal, and run no script in it.
    assert scripts_with("DOMParser") == {"parts.mjs", "requests.mjs"}


def test_scripts_take_no_messages_and_store_a_folder_alone() -> None:
    assert scripts_with(r"postMessage|[\"']message[\"']|BroadcastChannel") == set()
    assert scripts_with("localStorage|sessionStorage|caches|serviceWorker") == set()
    assert scripts_with("indexedDB") == {"remembered-folder.mjs"}


def test_no_script_sets_a_property_by_a_name_from_an_answer() -> None:
    merged = r"Object\.assign\([^)]*(body|answer|response|JSON)[^{}]*\)"
    assert scripts_with(rf"__proto__|\[(key|name|code)\] = |{merged}") == set()


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
