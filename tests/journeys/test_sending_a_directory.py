"""README's loop: a usage directory sent with curl, again, and from many clients."""

import json
import random
import shutil
import subprocess
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connections

from portal.db import unit_of_work
from tests.builders import Company
from tests.journeys.live_server import RunningPortal, request
from tests.journeys.stored_files import assert_rows_and_bytes_agree, bytes_below
from usage.forwarding import forward
from usage.models import Forwarding
from usage.storage import archive
from usage.usg.emulator.directory import EmulatedFile, Options, emulate

FIRST, LAST = date(2026, 4, 28), date(2026, 5, 10)
DAMAGED = ("cut", "other-signer", "zip", "missing", "conflict")


def write_directory(alice: Company, folder: Path, **options: Any) -> list[EmulatedFile]:
    """Two servers' days, in a real directory."""
    second = alice.registered("IC02")
    return emulate(
        folder,
        tenant=alice.number,
        servers=["IC01", "IC02"],
        from_day=FIRST,
        to_day=LAST,
        users=20,
        seed=7,
        sealing_public_key=alice.sealing_public,
        signing_keys={
            "IC01": alice.server.pair.private,
            "IC02": second.pair.private,
        },
        options=Options(zone=alice.zone, **options),
    )


def curl(
    portal: RunningPortal, alice: Company, path: Path
) -> tuple[int, dict[str, Any]]:
    """Send one file with the command that README shows."""
    digest = b64encode(sha256(path.read_bytes()).digest()).decode()
    program = shutil.which("curl")
    assert program is not None
    done = subprocess.run(
        [
            *(program, "--silent", "--show-error", "--upload-file", str(path)),
            *("--header", f"Authorization: Bearer {alice.token}"),
            *("--header", f"Content-Digest: sha-256=:{digest}:"),
            *("--write-out", "\n%{http_code}"),
            f"{portal.address}/api/v1/files/{quote(path.name)}",
        ],
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    body, _, status = done.stdout.rpartition("\n")
    portal.statuses.append(int(status))
    return int(status), json.loads(body)


def put(portal: RunningPortal, alice: Company, path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    digest = b64encode(sha256(data).digest()).decode()
    answer = portal.send_raw(
        request(
            "PUT",
            f"/api/v1/files/{quote(path.name)}",
            data,
            token=alice.token,
            Content_Digest=f"sha-256=:{digest}:",
        )
    )
    found: dict[str, Any] = answer.json()
    return found


def get(portal: RunningPortal, alice: Company, path: str) -> dict[str, Any]:
    answer = portal.send_raw(request("GET", f"/api/v1{path}", token=alice.token))
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def calendar(portal: RunningPortal, alice: Company) -> dict[str, Any]:
    """What a period is made of, without what depends on the hour it is asked at."""
    found = get(portal, alice, "/periods/2026-05")
    return {name: found[name] for name in ("owed", "received", "missing", "calendar")}


def test_a_directory_sent_with_curl_fills_the_calendar_and_lies_in_s3(
    live_portal: RunningPortal, alice: Company, tmp_path: Path
) -> None:
    written = write_directory(alice, tmp_path / "i3" / "ic" / "work" / "usage")
    paths = [file.path for file in written if file.path is not None]
    before = calendar(live_portal, alice)
    assert before["received"] == 0

    first = [curl(live_portal, alice, path) for path in paths]
    assert {status for status, _ in first} == {201}
    assert {found["verdict"] for _, found in first} == {"accepted"}

    after = calendar(live_portal, alice)
    sent = {(file.server, str(file.day)) for file in written}
    filled = {
        (row["server"], cell["day"])
        for row in after["calendar"]
        for cell in row["days"]
        if cell["state"] in {"received", "partial"}
    }
    assert filled == sent
    assert after["received"] > 0
    assert after["owed"] == before["owed"]

    _forward_all()
    _assert_bytes_in_s3(alice, paths)
    listed = get(live_portal, alice, "/files")["files"]
    assert all(file["is_safe_to_delete"] for file in listed)
    assert len(listed) == len(paths)

    second = [curl(live_portal, alice, path) for path in paths]
    assert {(status, found["verdict"]) for status, found in second} == {
        (200, "already here")
    }
    ids = [found["file"]["id"] for _, found in first]
    assert [found["file"]["id"] for _, found in second] == ids
    assert calendar(live_portal, alice) == after
    assert_rows_and_bytes_agree(alice, tmp_path)


def _forward_all() -> None:
    archive.prepare()
    while forward.forward_waiting(now=lambda: datetime.now(tz=UTC)):
        pass


def _assert_bytes_in_s3(alice: Company, paths: Sequence[Path]) -> None:
    with unit_of_work.acting_for(alice.id, reading=True):
        rows = list(Forwarding.objects.select_related("file"))
    assert {row.state for row in rows} == {"done"}
    stored = sorted(archive.fetch(row.key) for row in rows)
    assert stored == sorted(path.read_bytes() for path in paths)


def test_six_clients_in_any_order_leave_what_one_in_order_leaves(
    live_portal: RunningPortal, alice: Company, tmp_path: Path
) -> None:
    written = write_directory(alice, tmp_path / "alice", damage=DAMAGED)
    paths = [file.path for file in written if file.path is not None]
    verdicts: Counter[str] = Counter()

    def send_all(seed: int) -> list[str]:
        mine = list(paths)
        random.Random(seed).shuffle(mine)
        return [put(live_portal, alice, path)["verdict"] for path in mine]

    # Of a conflict's two files the first one counts, so that one is sent before.
    conflict = next(file for file in written if file.damage == "conflict")
    assert conflict.path is not None
    counts = conflict.path.with_stem(conflict.path.stem.removesuffix("_restored"))
    assert put(live_portal, alice, counts)["verdict"] == "accepted"
    with ThreadPoolExecutor(6) as clients:
        for answers in clients.map(send_all, range(6)):
            verdicts.update(answers)

    kept = [file for file in alice.files() if file.state != "rejected"]
    contents = Counter(bytes(file.sha256) for file in kept)
    assert set(contents.values()) == {1}
    rejected = {file.path for file in written if file.damage in {"cut", "zip"}}
    assert len(kept) == len(paths) - len(rejected)
    # Each kept file was told "already here" to all but the first that brought it.
    assert verdicts["already here"] >= 5 * (len(kept) - 1)
    assert verdicts["rejected"] == 6 * len(rejected)
    assert_rows_and_bytes_agree(alice, tmp_path)

    together = calendar(live_portal, alice)
    assert together == _one_after_the_other(live_portal, alice, [counts, *paths])


def _one_after_the_other(
    portal: RunningPortal, alice: Company, paths: Sequence[Path]
) -> dict[str, Any]:
    """Forget all files, and send them again, one by one and in order."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("truncate usage_usagefile cascade")
    for path in paths:
        put(portal, alice, path)
    return calendar(portal, alice)


def test_the_tail_of_a_file_is_enough_to_ask_about_a_directory(
    live_portal: RunningPortal, alice: Company, tmp_path: Path
) -> None:
    written = write_directory(alice, tmp_path / "alice")
    paths = [file.path for file in written if file.path is not None]
    random.Random(2).shuffle(paths)
    half = paths[: len(paths) // 2]
    for path in half:
        put(live_portal, alice, path)
    questions = [
        {
            "name": path.name,
            "size": path.stat().st_size,
            "tail": path.read_bytes()[-64:].hex(),
        }
        for path in paths
    ]
    body = json.dumps({"files": questions}).encode()
    answer = live_portal.send_raw(
        request(
            "POST",
            "/api/v1/files/check",
            body,
            token=alice.token,
            Content_Type="application/json",
        )
    )
    needed = [one["name"] for one in answer.json()["files"] if one["is_needed"]]
    assert needed == [path.name for path in paths[len(half) :]]
    assert len(bytes_below(tmp_path)) == len(half)
