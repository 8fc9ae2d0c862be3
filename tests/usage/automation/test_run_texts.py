"""What is said about the runs of servers: states, reasons, silence, versions."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

import pytest

from portal.typed_text.clean import one_line
from tests.builders import NOW
from usage.automation.presenters import (
    GONE_AFTER,
    RUNNING_FOR,
    SILENT_AFTER,
    RunFacts,
    RunRow,
    answer_text,
    is_silent,
    machine_rows,
    run_rows,
)
from usage.models import MACHINE_CHARACTERS, Upload, UploadOutcome, UsageFile
from usage.sender.versions import NEWEST, is_older
from usage.upload_runs.schemas import UploadReportIn
from usage.uploads.reason_queries import ReasonCount

pytestmark = pytest.mark.plain

SECOND = timedelta(seconds=1)


def row(
    counts: Mapping[str, int],
    *reasons: ReasonCount,
    ago: timedelta = SECOND,
    is_ended: bool = True,
    files: tuple[UsageFile, ...] = (),
) -> RunRow:
    """Present the last run of a machine."""
    upload = Upload(key=uuid4(), machine="IC1", begun_at=NOW - ago)
    upload.reported_at = NOW - ago
    upload.ended_at = upload.reported_at if is_ended else None
    counted = [ReasonCount(one, "", None, count, None) for one, count in counts.items()]
    facts = RunFacts({upload.key: [*counted, *reasons]}, {one.pk: one for one in files})
    (found,) = machine_rows([upload], facts, at=NOW)
    (as_run,) = run_rows([upload], facts, at=NOW)
    assert as_run.silence == ""
    assert (as_run.result, as_run.reasons) == (found.result, found.reasons)
    return found


@pytest.mark.parametrize(
    ("counts", "is_ended", "ago", "mark", "result"),
    [
        ({"accepted": 1, "already here": 3}, True, SECOND, "received", "All received"),
        ({}, True, SECOND, "silent", "Nothing to send"),
        ({"accepted": 1, "held": 1}, True, SECOND, "with-us", "Waiting for a decision"),
        ({"held": 1, "rejected": 1}, True, SECOND, "missing", "Needs attention"),
        ({"unreadable": 1}, True, SECOND, "missing", "Needs attention"),
        ({"accepted": 1}, False, RUNNING_FOR, "pending", "Running"),
        ({"failed": 1}, False, RUNNING_FOR, "pending", "Running"),
        ({"accepted": 1}, False, RUNNING_FOR + SECOND, "partial", "Interrupted"),
        ({"failed": 1}, False, RUNNING_FOR + SECOND, "partial", "Interrupted"),
    ],
)
def test_a_run_has_one_result(
    counts: dict[str, int], is_ended: bool, ago: timedelta, mark: str, result: str
) -> None:
    found = row(counts, is_ended=is_ended, ago=ago)
    assert (found.mark, found.result) == (mark, result)


@pytest.mark.parametrize(
    ("ago", "silence", "counts_as_silent"),
    [
        (SILENT_AFTER, "", False),
        (SILENT_AFTER + SECOND, "No run for 2 days", True),
        (GONE_AFTER, "No run for 62 days", True),
        (GONE_AFTER + SECOND, "No run for 62 days", False),
    ],
)
def test_a_machine_is_silent_after_two_days_and_until_it_is_taken_to_be_replaced(
    ago: timedelta, silence: str, counts_as_silent: bool
) -> None:
    assert row({}, ago=ago).silence == silence
    assert is_silent(NOW - ago, at=NOW) is counts_as_silent


FINE, LONG = row({"accepted": 1}), row({}, ago=timedelta(days=3))
GONE, BAD = row({}, ago=timedelta(days=90)), row({"rejected": 1})
CUT = row({}, is_ended=False, ago=timedelta(hours=2))


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "No server has reported a run yet."),
        ([FINE], "1 server has reported in the last 2 days."),
        ([FINE, FINE, GONE], "2 servers have reported in the last 2 days."),
        ([FINE, BAD], "The last run of 1 of 2 servers needs attention."),
        ([CUT, BAD], "The last runs of 2 of 2 servers need attention."),
        ([LONG, BAD], "1 of 2 servers has not reported for more than 2 days."),
        ([LONG, LONG], "2 of 2 servers have not reported for more than 2 days."),
        ([GONE], "No server has reported a run for more than two months."),
    ],
)
def test_the_first_sentence_names_what_is_most_urgent(
    rows: list[RunRow], text: str
) -> None:
    assert answer_text(rows) == text


def failed(count: int, code: str, status: int | None = None) -> ReasonCount:
    return ReasonCount(UploadOutcome.FAILED, code, status, count, None)


def test_reasons_are_counted_together_and_the_most_frequent_is_first() -> None:
    found = row(
        {"accepted": 9},
        failed(1, "blocked", 403),
        # Unknown codes have one text.
        failed(2, "no-answer"),
        failed(3, "words-of-a-script"),
        ReasonCount(UploadOutcome.UNREADABLE, "unreadable-gone", None, 1, None),
        ReasonCount(UploadOutcome.STOPPED, "", None, 1, None),
    )
    assert found.reasons == [
        "5 files: The portal did not answer.",
        "1 file: Something between you and the portal refused the file (status 403).",
        "1 file: The file is no longer where it was.",
    ]
    assert found.more == 1


def test_a_rejected_file_is_described_by_its_own_problem() -> None:
    problem = {"code": "length-short", "where": "", "params": {"size": 5}}
    file = UsageFile(pk=uuid4(), state="rejected", problems=[problem])
    found = row(
        {},
        ReasonCount(UploadOutcome.REJECTED, "length-short", None, 2, file.pk),
        ReasonCount(UploadOutcome.REJECTED, "length-short", None, 1, None),
        ReasonCount(UploadOutcome.REFUSED, "", None, 1, file.pk),
        files=(file,),
    )
    assert found.reasons == [
        "2 files: The file was cut: 5 of ? bytes are here.",
        "1 file: The portal rejected this file; its verdict is no longer stored.",
        "1 file: The billing team refused it.",
    ]


@pytest.mark.parametrize(
    ("version", "older"),
    [
        ("usage-sender 0.1", True),
        ("usage-sender 0.1.9", True),
        ("usage-sender 0.1 PowerShell 5.1", True),
        (f"usage-sender {NEWEST} PowerShell 0.1", False),
        (f"usage-sender {NEWEST}.0", False),
        ("usage-sender 10.0", False),
        ("usage-sender 99999", False),
        ("usage-sender x", False),
        ("acme-upload 0.1", False),
        ("0.1", False),
        ("", False),
    ],
)
def test_only_versions_of_our_sender_are_older(version: str, older: bool) -> None:
    assert is_older(version) is older


def test_a_name_that_is_cut_after_a_joiner_still_finds_its_runs() -> None:
    # A virama and a joiner before a Hebrew letter, which is cut off.
    sent = "A" * (MACHINE_CHARACTERS - 3) + "\u0915\u094d\u200c\u05d1"
    machine = UploadReportIn(step=1, machine=sent).machine
    assert machine == one_line(machine)[:MACHINE_CHARACTERS]
    assert machine == "A" * (MACHINE_CHARACTERS - 3) + "\u0915\u094d"
