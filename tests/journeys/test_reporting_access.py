"""`usage.usg verify-access --to` reports its result to a running portal."""

from pathlib import Path

import pytest

from portal.db import unit_of_work
from portal.stack import ports
from tests.builders import Company
from tests.journeys.live_server import RunningPortal
from usage.connectivity.results import access_results
from usage.usg.__main__ import main
from usage.usg.client import http

# A bucket in a domain that resolves nowhere.
CHECK = ["verify-access", "--bucket", "none.invalid", "--seconds", "5"]


@pytest.fixture
def token_file(alice: Company, tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(alice.token)
    return str(path)


def test_the_result_is_on_the_portal_and_the_exit_code_that_of_the_check(
    live_portal: RunningPortal,
    alice: Company,
    token_file: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    to = ["--to", live_portal.address, "--token-file", token_file]
    assert main([*CHECK, *to, "--machine", "ic1", "--json"]) == 1
    printed = capsys.readouterr()
    assert f"reported to {live_portal.address}" in printed.err
    assert '"conclusion": "dns-broken"' in printed.out
    with unit_of_work.acting_for(alice.id, reading=True):
        (found,) = access_results()
    assert (found.machine, found.report.conclusion) == ("ic1", "dns-broken")


def test_a_result_that_is_not_stored_is_reported_with_exit_code_4(
    live_portal: RunningPortal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "TRIES", 1)
    wrong = tmp_path / "wrong"
    wrong.write_text("usg_nobodys")
    refused = [*CHECK, "--to", live_portal.address, "--token-file", str(wrong)]
    assert main(refused) == 4
    assert "not reported: " in capsys.readouterr().err
    away = f"http://{ports.LOOPBACK}:{ports.find_free()}"
    assert main([*CHECK, "--to", away, "--token-file", str(wrong)]) == 4
    printed = capsys.readouterr()
    assert "not reported: " in printed.err
    assert "DNS does not resolve Amazon's names." in printed.out
