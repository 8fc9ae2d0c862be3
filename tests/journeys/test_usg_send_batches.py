"""`usage.usg send`: a file that fails does not affect the others."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import scripted_portal
from tests.journeys.scripted_portal import HTML, Script, problem
from usage.usg.client import closed_files, http
from usage.usg.client.send import send

pytestmark = pytest.mark.faults

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC).timestamp()
Lines = list[str]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(http, "LONGEST_WAIT", 0.02)


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_portal.running(Script()) as running:
        yield running


def put(folder: Path, name: str | bytes) -> None:
    """Write a file that was closed days ago, with a content of its own."""
    path = os.path.join(os.fsencode(folder), os.fsencode(name))  # noqa: PTH118 - bytes
    with open(path, "wb") as file:  # noqa: PTH123 - the same
        file.write(os.fsencode(name).ljust(2_000))
    os.utime(path, (NOW - 9 * 86400, NOW - 9 * 86400))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "usage").mkdir()
    for name in ("IC01_1.usg", "IC01_2.usg", "IC01_3.usg"):
        put(tmp_path / "usage", name)
    return tmp_path / "usage"


def run(script: Script, folder: Path, **options: Any) -> tuple[int, Lines]:
    said: Lines = []
    portal = http.Portal(script.address, "usg_x")
    options = {"delete": False, **options}
    return send(portal, folder, now=NOW, report=said.append, **options), said


OTHERS = ["IC01_1.usg", "IC01_2.usg", "IC01_3.usg"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (b"IC00_\xff.usg", "IC00_\ufffd.usg"),
        (b"IC00_\n.usg", "IC00_\ufffd.usg"),
        ("IC00_\u202egsu.usg".encode(), "IC00_\ufffdgsu.usg"),
        (b"IC00_" + b"x" * 246 + b".usg", "IC00_" + "x" * 246 + ".usg"),
        (b"IC00_\\..\\#?%41.usg", "IC00_\\..\\#?%41.usg"),
        (b".usg", ".usg"),
    ],
)
def test_a_name_that_is_no_text_is_a_label_and_its_file_arrives_with_the_others(
    script: Script, folder: Path, name: bytes, label: str
) -> None:
    put(folder, name)
    code, lines = run(script, folder)
    assert code == 0
    assert f"accepted: {label}" in lines
    assert sorted(script.accepted) == sorted([label, *OTHERS])


def test_a_directory_a_pipe_and_a_link_are_reported_as_skipped(
    script: Script, folder: Path
) -> None:
    (folder / "IC00.usg").mkdir()
    os.mkfifo(folder / "IC01_0.usg")
    (folder / "IC02.usg").symlink_to(folder / "IC01_1.usg")
    code, lines = run(script, folder)
    assert code == 0
    assert [line for line in lines if line.startswith("skipped")] == [
        "skipped: IC00.usg (it is a directory)",
        "skipped: IC01_0.usg (it is not a file)",
        "skipped: IC02.usg (it is a link)",
    ]
    assert sorted(script.accepted) == OTHERS


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (
            PermissionError(13, "Permission denied"),
            4,
            "cannot be read: IC01_1.usg (Permission denied)",
        ),
        (
            OSError(5, "Input/output error"),
            4,
            "cannot be read: IC01_1.usg (Input/output error)",
        ),
        (FileNotFoundError(2, ""), 0, "left for next time: IC01_1.usg (it is gone)"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_the_others_arrive(
    script: Script,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    exit_code: int,
    line: str,
) -> None:
    read = closed_files.hash_of

    def read_or_fail(path: Path) -> str:
        if path.name == "IC01_1.usg":
            raise error
        return read(path)

    monkeypatch.setattr(closed_files, "hash_of", read_or_fail)
    code, lines = run(script, folder)
    assert (code, lines[0]) == (exit_code, line)
    assert sorted(script.accepted) == OTHERS[1:]


def test_a_refused_file_ends_no_run(script: Script, folder: Path) -> None:
    script.replies["IC01_1.usg"] = [problem(413, "file-too-large")]
    script.replies["IC01_2.usg"] = [problem(404, "not-found")]
    code, lines = run(script, folder)
    assert code == 1
    assert lines == [
        "refused: IC01_1.usg",
        "  Title of file-too-large. Advice.",
        "refused: IC01_2.usg",
        "  Title of not-found. Advice.",
        "accepted: IC01_3.usg",
    ]


def test_a_file_without_an_answer_is_sent_again_after_the_others(
    script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    script.held.add("IC01_1.usg")
    code, lines = run(script, folder)
    assert code == 4
    assert lines == [
        "accepted: IC01_2.usg",
        "accepted: IC01_3.usg",
        "not delivered: IC01_1.usg (timed out)",
    ]
    files = [name for name in script.order if name != "check"]
    assert files == ["IC01_1.usg", *OTHERS[1:], *["IC01_1.usg"] * 3]
    # Nor does a later run wait for it before it sends what is new.
    put(folder, "IC01_4.usg")
    script.order.clear()
    run(script, folder)
    files = [name for name in script.order if name != "check"]
    assert files[:2] == ["IC01_1.usg", "IC01_4.usg"]


def test_a_file_whose_answer_was_lost_is_already_here(
    script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    reply = Script.reply

    def answer_too_late(self: Script, name: str, content: bytes) -> object:
        answer = reply(self, name, content)
        if name == "IC01_1.usg":
            self.hold.wait(10)
        return answer

    monkeypatch.setattr(Script, "reply", answer_too_late)
    code, lines = run(script, folder)
    assert code == 0
    assert lines[0] == "already here: IC01_1.usg"
    assert script.asked["IC01_1.usg"] == 1


@pytest.mark.parametrize(
    ("reply", "exit_code", "line"),
    [
        (problem(401, "token-unknown"), 1, "refused: Title of token-unknown. Advice."),
        (
            problem(503, "storage-full"),
            4,
            "not delivered: Title of storage-full. Advice.",
        ),
    ],
)
def test_a_failure_of_all_files_ends_the_run_and_lists_the_unsent_files(
    script: Script,
    folder: Path,
    reply: scripted_portal.Reply,
    exit_code: int,
    line: str,
) -> None:
    script.replies["IC01_2.usg"] = [reply]
    code, lines = run(script, folder)
    assert code == exit_code
    assert lines == [
        "accepted: IC01_1.usg",
        line,
        "not sent: IC01_2.usg",
        "not sent: IC01_3.usg",
    ]


def test_a_file_is_sent_again_to_a_portal_that_was_busy_for_a_moment(
    script: Script, folder: Path
) -> None:
    accepted = scripted_portal.Script().reply("x", b"")
    script.replies["IC01_1.usg"] = [*[problem(503, "busy")] * 3, accepted]
    code, lines = run(script, folder)
    assert code == 0
    assert lines[0] == "accepted: IC01_1.usg"


BETWEEN = "something between this server and the portal answered"


@pytest.mark.parametrize(
    ("status", "headers", "facts", "advice"),
    [
        (413, HTML, "status 413, text/html, from nginx.", "requests of 64 MB"),
        (403, HTML, "status 403, text/html, from nginx.", "to let the request pass"),
        (407, HTML, "status 407, text/html, from nginx.", "HTTPS_PROXY or --proxy"),
        (401, HTML, "status 401, text/html, from nginx.", "sign-in of its own"),
        (200, HTML, "status 200, text/html, from nginx.", "sign-in page"),
        (
            302,
            {**HTML, "Location": "https://login.example/?secret=quince"},
            "status 302, text/html, from nginx, redirects to login.example.",
            "sign-in page",
        ),
        (502, HTML, "status 502, text/html, from nginx.", "starting again"),
        (
            403,
            {"Content-Type": "application/json"},
            "status 403, application/json, from nginx.",
            "let the request pass",
        ),
    ],
)
def test_an_answer_of_something_in_between_is_reported_as_such(
    script: Script,
    folder: Path,
    status: int,
    headers: dict[str, str],
    facts: str,
    advice: str,
) -> None:
    page = b"<html>No</html>" if headers["Content-Type"] != "application/json" else b""
    body = page or b'{"message": "Forbidden"}'
    script.replies["IC01_1.usg"] = [(status, headers, body)]
    code, lines = run(script, folder)
    assert code == 4
    (line,) = [line for line in lines if "IC01_1" in line]
    assert line.startswith(f"not delivered: IC01_1.usg ({BETWEEN}: {facts}")
    assert advice in line
    assert "quince" not in line
    assert sorted(script.accepted) == OTHERS[1:]
    # The same where it answers before any file is sent.
    script.replies["check"] = [(status, headers, body)]
    code, lines = run(script, folder)
    assert code == 4
    assert lines[0].startswith(f"not delivered: {BETWEEN}: {facts}")
    assert lines[1:] == [f"not sent: {name}" for name in OTHERS]


def test_a_redirect_is_not_followed_with_the_token(folder: Path) -> None:
    with (
        scripted_portal.running(Script()) as elsewhere,
        scripted_portal.running(Script()) as script,
    ):
        for status in (301, 302, 303, 307, 308):
            to = {"Location": f"{elsewhere.address}/api/v1/files/check"}
            script.replies["check"] = [(status, to, b"")]
            assert run(script, folder)[0] == 4
        assert elsewhere.order == []
        assert script.asked["check"] == 5


def test_control_characters_of_a_header_do_not_reach_the_terminal(
    script: Script, folder: Path
) -> None:
    headers = {"Content-Type": "text/html", "Location": "https://a\x1b[31mb.example/"}
    script.replies["check"] = [(302, headers, b"")]
    _, lines = run(script, folder)
    assert all(line.isprintable() for line in lines)
