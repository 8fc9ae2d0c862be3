"""The command line `python -m usage.usg`."""

import json
import runpy
import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest

from tests.samples.usg import cases
from usage.usg import fingerprint, keyfiles, layout
from usage.usg import header as headers
from usage.usg import rows as json_rows
from usage.usg.__main__ import main
from usage.usg.keyfiles import Purpose

pytestmark = pytest.mark.plain

AT = ["--received-at", "2026-05-08T09:00:00Z"]
Out = pytest.CaptureFixture[str]


@pytest.fixture
def usg(tmp_path: Path) -> Path:
    path = tmp_path / "a.usg"
    path.write_bytes(cases.good())
    return path


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "tenant.key"
    keyfiles.write_pair(path, Purpose.SEALING, cases.SEALING)
    return str(path)


@pytest.fixture
def signer(tmp_path: Path) -> str:
    path = tmp_path / "IC01.key"
    keyfiles.write_pair(path, Purpose.SIGNING, cases.SIGNING)
    return str(path)


def test_show_prints_the_header_without_a_key(usg: Path, capsys: Out) -> None:
    assert main(["show", str(usg)]) == 0
    assert json.loads(capsys.readouterr().out)["sequence"] == 1041


def test_fingerprints_are_those_of_the_keys_that_signed(
    usg: Path, tmp_path: Path, capsys: Out
) -> None:
    (tmp_path / "b.USG").write_bytes(usg.read_bytes())
    (tmp_path / "._a.usg").write_bytes(b"of macOS")
    (tmp_path / "notes.txt").write_bytes(b"no usage file")
    assert main(["fingerprints", str(tmp_path)]) == 0
    key = fingerprint(cases.SIGNING.public)
    assert capsys.readouterr().out == f"IC01  {key}  2 files\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        layout.MAGIC,
        layout.prelude(2, 9) + b"{}",
        layout.prelude(2, 9) + b"[]",
        layout.prelude(9, 9) + b"\xff" * 9,
        layout.prelude(31, 9) + b'{"server":"IC01","signer":"ab"}',
        layout.prelude(31, 9) + b'{"server":"IC01","signer":"zz"}',
        layout.prelude(10_000, 9) + b"[" * 10_000,
    ],
)
def test_a_file_without_a_key_is_named_and_hides_no_other(
    usg: Path, tmp_path: Path, capsys: Out, data: bytes
) -> None:
    (tmp_path / "b.usg").write_bytes(data)
    assert main(["fingerprints", str(tmp_path)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("  1 file")
    assert second.startswith("cannot be read: b.usg (")
    usg.unlink()
    (tmp_path / "b.usg").unlink()
    assert main(["fingerprints", str(tmp_path)]) == 1
    assert "no usage file" in capsys.readouterr().out


def test_show_prints_the_sessions_with_a_key(usg: Path, key: str, capsys: Out) -> None:
    assert main(["show", str(usg), "--key", key]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert json.loads(rows[1]) == {
        "user": "Jörg Müller",
        "licences": ["I3_ACCESS_CLIENT"],
        "login": "2026-05-07T06:00:00Z",
        "logout": "2026-05-07T07:00:00Z",
        "flags": 0,
    }


def test_show_says_why_it_cannot(usg: Path, key: str, capsys: Out) -> None:
    usg.write_bytes(cases.flipped(-1))
    assert main(["show", str(usg), "--key", key]) == 1
    assert "signature-invalid" in capsys.readouterr().out
    usg.write_bytes(b"")
    assert main(["show", str(usg)]) == 1
    assert "file-empty" in capsys.readouterr().out


def test_check_tells_accepted_held_and_refused_apart(
    tmp_path: Path, usg: Path, key: str, signer: str, capsys: Out
) -> None:
    known = ["--key", key, "--signer", signer, *AT]
    assert main(["check", str(usg), *known]) == 0
    assert main(["check", str(usg), *known, "--tenant", "C-2"]) == 1
    held = tmp_path / "held.usg"
    held.write_bytes(cases.signed_by_other())
    assert main(["check", str(usg), str(held), *known]) == 3
    out = capsys.readouterr().out
    assert "tenant-other" in out
    assert "signer-unknown" in out
    bad = tmp_path / "bad.usg"
    bad.write_bytes(b"PK\x03\x04")
    assert main(["check", str(bad), str(held), *known]) == 1


def test_check_takes_a_signer_as_hexadecimal(usg: Path, key: str) -> None:
    hexadecimal = cases.SIGNING.public.hex()
    assert main(["check", str(usg), "--key", key, "--signer", hexadecimal, *AT]) == 0


def test_check_may_leave_time_out_of_the_question(
    usg: Path, key: str, capsys: Out
) -> None:
    early = ["--received-at", "2020-01-01T00:00:00Z"]
    assert main(["check", str(usg), "--key", key, *early]) == 3
    assert main(["check", str(usg), "--key", key, *early, "--any-time", "--json"]) == 0
    output = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (output["outcome"], output["logins"]) == ("accept", 2)


def test_check_as_json_has_no_logins_without_a_key(usg: Path, capsys: Out) -> None:
    assert main(["check", str(usg), "--json", *AT]) == 1
    output = json.loads(capsys.readouterr().out)
    assert output["logins"] is None
    assert [problem["code"] for problem in output["problems"]] == ["key-unknown"]


def test_an_instant_without_its_zone_is_refused(usg: Path, capsys: Out) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(usg), "--received-at", "2026-05-08T09:00:00"])
    assert stopped.value.code == 2
    assert "zone" in capsys.readouterr().err


def test_keys_makes_a_pair_and_never_replaces_one(tmp_path: Path, capsys: Out) -> None:
    path = tmp_path / "new.key"
    assert main(["keys", "signing", str(path)]) == 0
    assert "fingerprint" in capsys.readouterr().out
    before = path.read_bytes()
    assert main(["keys", "signing", str(path)]) == 1
    assert path.read_bytes() == before


def test_what_show_prints_write_takes(
    tmp_path: Path, usg: Path, key: str, signer: str, capsys: Out
) -> None:
    main(["show", str(usg), "--key", key])
    head, *rows = capsys.readouterr().out.splitlines(keepends=True)
    (tmp_path / "head.json").write_text(head, "utf-8")
    (tmp_path / "rows.jsonl").write_text("".join(rows) + "\n", "utf-8")
    made = tmp_path / "made.usg"
    command = ["write", str(made), "--header", str(tmp_path / "head.json")]
    command += ["--rows", str(tmp_path / "rows.jsonl"), "--seal-to", key + ".pub"]
    command += ["--sign-with", signer]
    assert main(command) == 0
    main(["show", str(made), "--key", key])
    assert capsys.readouterr().out == head + "".join(rows)
    assert main(command) == 1, "it replaced a file"
    (tmp_path / "head.json").write_bytes(cases.fields(day="x"))
    assert main(command) == 1
    assert "day" in capsys.readouterr().err


@pytest.mark.parametrize(
    "row",
    [
        '{"user":"a","licences":[],"login":"2026-05-07T06:00:00","logout":"x"}',
        '{"user":"a","licences":[],"login":"2026-05-07T06:00:00",'
        '"logout":"2026-05-07T06:00:00"}',
        '{"user":"a","licences":[],"login":"2026-05-01T06:00:00Z",'
        '"logout":"2026-05-07T06:00:00Z"}',
        "{}",
    ],
)
def test_write_refuses_rows_that_are_none(
    tmp_path: Path, key: str, signer: str, row: str
) -> None:
    (tmp_path / "head.json").write_bytes(headers.serialise(cases.HEADER))
    (tmp_path / "rows.jsonl").write_text(row)
    made = tmp_path / "made.usg"
    command = ["write", str(made), "--header", str(tmp_path / "head.json")]
    command += ["--rows", str(tmp_path / "rows.jsonl"), "--seal-to", key + ".pub"]
    assert main([*command, "--sign-with", signer]) == 1
    assert not made.exists()


@pytest.mark.parametrize(
    ("login", "seconds"),
    [
        ("2026-05-07T06:00:00.9999999Z", 28_800),
        ("2026-05-07 08:00:00.5+0200", 28_800),
        ("2026-05-07t06:00:00z", 28_800),
        ("2026-05-06T21:59:59.5Z", 0),
        ("2026-05-06T21:59:58.5Z", -1),
    ],
)
def test_a_fraction_of_a_second_is_cut_off(login: str, seconds: int) -> None:
    row = {"user": "a", "licences": [], "login": login, "logout": login}
    made = json_rows.sessions_from([json.dumps(row).encode()], cases.HEADER.opened_at)
    assert made.login == [seconds]


@pytest.mark.parametrize("clock", ["24:00:00Z", "06:00:60Z", "06:00Z", "٠٦:00:00Z"])
def test_an_instant_of_another_form_is_refused(clock: str) -> None:
    row = {"user": "a", "licences": [], "login": f"2026-05-07T{clock}", "logout": ""}
    with pytest.raises(ValueError, match="instant"):
        json_rows.sessions_from([json.dumps(row).encode()], cases.HEADER.opened_at)


def test_a_header_that_is_no_object_is_refused_in_words(
    tmp_path: Path, key: str, signer: str, capsys: Out
) -> None:
    (tmp_path / "head.json").write_text("[1]")
    command = ["write", str(tmp_path / "made.usg"), "--rows", "none"]
    command += ["--header", str(tmp_path / "head.json"), "--seal-to", key + ".pub"]
    assert main([*command, "--sign-with", signer]) == 1
    assert "JSON object" in capsys.readouterr().err


def test_names_outside_the_locale_are_printed_all_the_same(
    tmp_path: Path, usg: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(out, encoding="ascii"))
    assert main(["show", str(usg), "--key", key]) == 0
    sys.stdout.flush()
    assert "Jörg Müller".encode() in out.getvalue()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(out, encoding="ascii"))
    monkeypatch.chdir(tmp_path)
    Path("Łódź.usg").write_bytes(cases.good())
    assert main(["check", "Łódź.usg", "--key", key, *AT]) == 0
    sys.stdout.flush()
    assert b"\\u0141" in out.getvalue()


def test_a_caller_may_catch_what_is_printed(
    usg: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["show", str(usg), "--key", key]) == 0
    assert "Jörg Müller" in out.getvalue()


def test_emulate_writes_a_directory_and_keeps_its_keys(
    tmp_path: Path, capsys: Out
) -> None:
    keys = tmp_path / "keys"
    days = ["--from", "2026-05-01", "--to", "2026-05-03"]
    command = ["emulate", str(tmp_path / "usage"), "--keys", str(keys), *days]
    command += ["--users", "5", "--days-off", "0", "--standby", "1"]
    truth = tmp_path / "truth.json"
    counting = ["--damage", "missing", "--truth", str(truth)]
    assert main([*command, *counting]) == 0
    out = capsys.readouterr().out
    assert "(not written)" in out
    counted = json.loads(truth.read_text())
    assert {row["damage"] for row in counted["files"]} == {None, "missing"}
    assert [row["period"] for row in counted["periods"]] == ["2026-05"]
    before = (keys / "tenant.key").read_bytes()
    assert main([*command, "--server", "EAST"]) == 0
    assert (keys / "tenant.key").read_bytes() == before
    files = [str(path) for path in (tmp_path / "usage").glob("*.usg")]
    assert any("EAST" in path for path in files)
    keyed = ["--key", str(keys / "tenant.key"), "--any-time"]
    assert main(["check", *files, *keyed]) == 0


def test_emulate_seals_for_the_public_key_of_somebody_else(
    tmp_path: Path, capsys: Out
) -> None:
    tenant, keys = tmp_path / "tenant.key", tmp_path / "keys"
    assert main(["keys", "sealing", str(tenant)]) == 0
    days = ["--from", "2026-05-01", "--to", "2026-05-01", "--days-off", "0"]
    command = ["emulate", str(tmp_path / "usage"), "--keys", str(keys), *days]
    command += ["--users", "5", "--servers", "1", "--seal-to", f"{tenant}.pub"]
    assert main(command) == 0
    (file,) = (tmp_path / "usage").glob("*.usg")
    assert main(["check", str(file), "--key", str(tenant), "--any-time"]) == 0
    assert not (keys / "tenant.key").exists()
    # A signing key is no sealing key.
    (signing,) = keys.glob("*.pub")
    assert main([*command[:-1], str(signing)]) == 1
    assert "is not a sealing key file" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path, capsys: Out) -> None:
    assert main(["show", str(tmp_path / "none.usg")]) == 1
    assert "none.usg" in capsys.readouterr().err


def test_it_runs_as_a_module(
    usg: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(sys, "argv", ["usage.usg", "show", str(usg)])
    monkeypatch.delitem(sys.modules, "usage.usg.__main__")
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("usage.usg", run_name="__main__")
    assert stopped.value.code == 0
    assert "1041" in capsys.readouterr().out


def test_check_prints_only_the_problems_that_reject_a_rejected_file(
    usg: Path, signer: str, tmp_path: Path, capsys: Out
) -> None:
    other = tmp_path / "other.key"
    keyfiles.write_pair(other, Purpose.SIGNING, cases.SEALING)
    stranger = ["--signer", f"{other}.pub"]
    assert main(["check", str(usg), *stranger, *AT]) == 1
    printed = capsys.readouterr().out
    assert "key-unknown" in printed
    assert "signer-unknown" not in printed
