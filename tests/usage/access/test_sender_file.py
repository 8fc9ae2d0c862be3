"""The sender as one file: it runs with Python alone, and has its portal's address."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.journeys import scripted_portal
from tests.journeys.scripted_portal import Script
from tests.samples.usg import cases
from usage.sender.package import sender_file
from usage.usg import fingerprint
from usage.usg.client.access_check import DOCUMENTED, AccessTarget, Names

PORTAL = "https://portal.example"


def run(
    folder: Path,
    *arguments: str,
    to: str = PORTAL,
    target: AccessTarget = DOCUMENTED,
    token: str = "",
) -> str:
    """Run the file as a server does, without this project and its packages."""
    path = folder / "usage-sender.pyz"
    path.write_bytes(sender_file(to, target))
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(path), *arguments],
        cwd=folder,
        env={"USG_TOKEN": token} if token else {},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def test_it_is_small_and_the_same_each_time() -> None:
    data = sender_file(PORTAL)
    sender_file.cache_clear()
    assert sender_file(PORTAL) == data
    assert len(data) < 150_000
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        names = packed.namelist()
    assert "usage/usg/client/send.py" in names
    # Servers get neither the emulator nor the code that opens files.
    assert not [one for one in names if "emulator" in one or "envelope" in one]


def test_it_checks_access_without_a_token(tmp_path: Path) -> None:
    said = run(tmp_path, "verify-access", "--bucket", "none.invalid", "--seconds", "5")
    assert said.startswith("1\nnone.invalid.s3.amazonaws.com: ")
    assert "report" not in said


def test_it_checks_the_names_that_the_portal_is_set_to(tmp_path: Path) -> None:
    names = Names(("no.invalid",), ("none.invalid",), "cn-north-1", "Other")
    said = run(tmp_path, "verify-access", "--json", target=AccessTarget(names, 8443))
    report = json.loads(said.partition("\n")[2])
    assert [one["name"] for one in report["names"]] == ["no.invalid", "none.invalid"]


def test_it_does_not_take_a_token_for_the_name_of_a_file(tmp_path: Path) -> None:
    said = run(tmp_path, "send", ".", "--token", "secret")
    assert said.startswith("2\n")
    assert "unrecognized arguments: --token" in said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_it_sends_a_directory_to_the_portal_that_it_is_from(
    tmp_path: Path, encoding: str
) -> None:
    usage = tmp_path / "usage"
    usage.mkdir()
    file = usage / "IC01_2026-05-01.usg"
    file.write_bytes(b"not a usage file, and closed for hours")
    os.utime(file, (0, 0))
    # As Notepad and PowerShell write it.
    (tmp_path / "token").write_bytes("usg_x\r\n".encode(encoding))
    with scripted_portal.running(Script()) as script:
        said = run(
            tmp_path, "send", str(usage), "--token-file", "token", to=script.address
        )
    assert said == "0\naccepted: IC01_2026-05-01.usg\n"
    assert script.headers[0]["Authorization"] == "Bearer usg_x"


def test_it_shows_the_key_to_compare_before_it_is_confirmed(tmp_path: Path) -> None:
    (tmp_path / "usage").mkdir()
    (tmp_path / "usage" / "a.usg").write_bytes(cases.good())
    said = run(tmp_path, "fingerprints", "usage")
    assert said == f"0\nIC01  {fingerprint(cases.SIGNING.public)}  1 file\n"


def test_a_missing_folder_or_token_file_is_named_without_an_error_number(
    tmp_path: Path,
) -> None:
    said = run(tmp_path, "send", "usage", "--token-file", "no.token")
    assert said == "1\nno.token: No such file or directory\n"
    said = run(tmp_path, "fingerprints", "usage")
    assert said == "1\nusage: No such file or directory\n"


@pytest.mark.parametrize("address", ['https://a.example/"; import os', "https://ä'\n"])
def test_no_address_breaks_the_program(tmp_path: Path, address: str) -> None:
    said = run(tmp_path, "send", "--help", to=address)
    assert said.startswith("0\n")


@pytest.mark.parametrize(
    "arguments",
    [
        *("--seconds=nan", "--seconds=inf", "--seconds=0", "--port=99999"),
        *("--authorities=nowhere.pem", "--token-file=nowhere", "--bucket=a..b"),
        *("--to=https://portal.example", "--to=http://portal.example"),
        "--proxy=socks5://user:secret@proxy.example",
    ],
)
def test_a_wrong_command_line_is_told_before_anything_is_tried(
    tmp_path: Path, arguments: str
) -> None:
    token = "usg_x" if arguments == "--to=http://portal.example" else ""
    said = run(tmp_path, "verify-access", arguments, token=token)
    assert said.startswith("2\n")
    assert "amazonaws" not in said
    assert "Traceback" not in said
    assert "secret" not in said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_token_file_may_be_as_windows_writes_it(
    tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "usage").mkdir()
    file = tmp_path / "usage" / "IC01_2026-05-01.usg"
    file.write_bytes(b"not a usage file, and closed for hours")
    os.utime(file, (0, 0))
    (tmp_path / "token").write_text("usg_x\r\n", encoding=encoding)
    with scripted_portal.running(Script()) as script:
        said = run(
            tmp_path, "send", "usage", "--token-file", "token", to=script.address
        )
    assert said.startswith("0\n")
