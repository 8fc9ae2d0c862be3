"""`manage.py verify_access`: the access of the portal's own machine."""

import json
import socket
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.usage.access.s3_names import EVERY, NAMES, Network, running
from usage.sender.access_target import access_target


@pytest.fixture
def network(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Network:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    network = Network()
    machine = socket.getaddrinfo

    def resolve(name: str, port: int, *more: Any, **named: Any) -> Any:
        if name in EVERY:
            return network.resolve(name, port)
        return machine(name, port, *more, **named)

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    return network


def run(settings: Any, network: Network, *arguments: str) -> tuple[str, int]:
    printed, code = StringIO(), 0
    with running(network):
        settings.ACCESS_PORT = network.port
        settings.ACCESS_AUTHORITIES = network.authorities
        try:
            call_command("verify_access", *arguments, stdout=printed)
        except SystemExit as end:
            code = int(end.code or 0)
    return printed.getvalue(), code


def test_it_prints_the_conclusion_and_ends_with_one_unless_access_works(
    settings: Any, network: Network
) -> None:
    printed, code = run(settings, network)
    assert "Access works: S3 answers AccessDenied, as expected." in printed
    assert code == 0
    network.closed = {NAMES.bucket[0]}
    printed, code = run(settings, network, "--json")
    assert json.loads(printed)["conclusion"] == "works-partly"
    assert code == 1


def test_a_proxy_that_is_no_address_is_refused(settings: Any, network: Network) -> None:
    with pytest.raises(CommandError) as refused:
        run(settings, network, "--proxy", "socks5://127.0.0.1")
    assert refused.value.returncode == 2


def test_the_names_are_the_documented_ones_unless_settings_name_others(
    settings: Any,
) -> None:
    assert access_target().names == NAMES
    settings.ACCESS_BUCKET_NAMES = ["b.s3.example"]
    settings.ACCESS_REGION = "cn-north-1"
    found = access_target().names
    assert found.bucket == ("b.s3.example",)
    assert found.service[0] == "s3.cn-north-1.amazonaws.com"
