"""Which problems of a file are shown: those that decide its verdict."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from usage.files import staff_presenters
from usage.files.problems import SEQUENCE_TAKEN, describe, shown_problems
from usage.files.schemas import file_out
from usage.files.text import file_text, timeline, verdict_sentence, whose_turn
from usage.inbox import staff_presenters as inbox_presenters
from usage.models import FileState, InboxObject, UsageFile
from usage.uploads.form_upload import FormFileOutcome
from usage.uploads.results import result_rows
from usage.usg import SPECS, Code, Severity

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
EVERY = [*(code.value for code in Code), SEQUENCE_TAKEN]
REJECTING = [code.value for code in Code if SPECS[code].severity is Severity.REJECT]
OTHERS = [code for code in EVERY if code not in REJECTING]

# What a text says of a file that the portal keeps, or that somebody will look at.
KEPT = re.compile(
    r"\bsafe\b|portal keeps|is kept|judged? (it|the file) by itself|billing team will"
    r"|[Nn]othing (needs )?to (do now|be sent)|need not be sent",
)


def row(code: str) -> dict[str, Any]:
    """Return a stored problem that has each parameter which its texts name."""
    names = ["key", "server", "zone", "value", "field", "part", "suite"]
    numbers = [
        "size",
        "limit",
        "version",
        "declared",
        "length",
        "count",
        "bytes",
        "expected",
        "row",
        "seen",
        "sequence",
    ]
    params = dict.fromkeys(names, "IC01") | dict.fromkeys(numbers, 7)
    params |= {"day": "2026-05-07", "other": "IC01.usg"}
    instants = dict.fromkeys(["opened", "closed"], "2026-05-07T00:00:00+00:00")
    return {"code": code, "where": "header", "params": params | instants}


def file_with(state: FileState, *codes: str) -> UsageFile:
    file = UsageFile(
        pk=uuid4(),
        name="IC01.usg",
        size=7,
        sha256=bytes(32),
        state=state,
        how="api",
        received_at=AT,
        settled_at=AT,
        problems=[row(code) for code in codes],
    )
    # Read with its forwarding, and it has none.
    file._state.fields_cache["forwarding"] = None
    return file


def texts(file: UsageFile) -> Iterator[str]:
    """Yield all that pages, API, receipts and mails write about a file."""
    found = InboxObject(file=file, state="done", verdict=file.state)
    form = result_rows(
        FormFileOutcome(
            name=file.name, size=file.size, upload=None, file=file, is_new=True
        )
    )
    lists: list[Any] = [
        shown_problems(file),
        file_text(file).problems,
        [one.model_dump() for one in file_out(file).problems],
        form["problems"],
        staff_presenters.file_row(file).reasons,
        inbox_presenters._reasons(found),
    ]
    for one in (item for items in lists for item in items):
        yield from (one["title"], one["advice"]) if isinstance(one, dict) else (one,)
    yield str(form["verdict"])
    yield str(verdict_sentence(file))
    yield whose_turn(file)
    yield from (f"{event.name} {event.what}" for event in timeline(file))


@pytest.mark.parametrize("code", REJECTING)
def test_no_text_of_a_rejected_file_says_that_it_is_kept(code: str) -> None:
    file = file_with(FileState.REJECTED, code, *OTHERS)
    claims = [text for text in texts(file) if KEPT.search(text)]
    assert claims == []
    assert [one["code"] for one in shown_problems(file)] == [code]


def test_a_rejected_file_has_every_reason_that_rejects_it() -> None:
    file = file_with(FileState.REJECTED, *EVERY)
    assert [one["code"] for one in shown_problems(file)] == REJECTING


@pytest.mark.parametrize("state", [FileState.ACCEPTED, FileState.HELD])
def test_a_file_that_is_kept_has_all_its_problems(state: FileState) -> None:
    file = file_with(state, *OTHERS)
    assert [one["code"] for one in shown_problems(file)] == OTHERS
    # The texts of these are what the pattern above has to recognise.
    held = [code for code in OTHERS if describe(row(code))["severity"] == "hold"]
    for code in held:
        assert KEPT.search(describe(row(code))["advice"]), code


def test_a_file_that_staff_refused_has_no_advice() -> None:
    found = shown_problems(file_with(FileState.REFUSED, *OTHERS))
    assert [one["advice"] for one in found] == [""] * len(OTHERS)


@pytest.mark.parametrize("state", FileState)
def test_a_problem_of_a_later_version_ends_no_list(state: FileState) -> None:
    file = file_with(state)
    known = {"code": "length-short", "where": "file", "params": {"size": 7}}
    file.problems = [{"code": "of-version-9", "where": "x", "params": {}}, known]
    shown = " ".join(texts(file))
    assert "The file was cut: 7 of ? bytes are here." in shown
    file.problems = file.problems[:1]
    assert "a problem that this version does not know: of-version-9." in " ".join(
        texts(file)
    )
