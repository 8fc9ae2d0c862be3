"""`usage.usg send` through an outgoing proxy."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from portal.stack import ports
from tests.journeys import connect_proxy, scripted_portal
from tests.journeys.connect_proxy import ConnectProxy
from tests.journeys.scripted_portal import Script
from usage.usg.__main__ import main
from usage.usg.client import http, proxy

pytestmark = pytest.mark.faults

TOKEN = "usg_damson-token"
# user:pl!um@1
CREDENTIALS = "Basic dXNlcjpwbCF1bUAx"
SIGNED_IN = "user:pl%21um%401@"
PORTAL = "https://portal.example"
NAMES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


@dataclass
class BehindProxy:
    """A portal on TLS that only the proxy reaches, and a directory with one file."""

    script: Script
    proxy: ConnectProxy
    folder: Path
    token_file: Path
    capsys: pytest.CaptureFixture[str]

    def address(self, user: str = "") -> str:
        return f"http://{user}{ports.LOOPBACK}:{self.proxy.port}"

    def send(self, *options: str, to: str = PORTAL) -> tuple[int, str]:
        arguments = ["send", str(self.folder), "--to", to]
        code = main([*arguments, "--token-file", str(self.token_file), *options])
        printed = self.capsys.readouterr()
        return code, printed.out + printed.err


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "tls.key", folder / "tls.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1"]
    subject = ["-subj", "/CN=portal.example"]
    names = ["-addext", "subjectAltName=DNS:portal.example"]
    files = ["-keyout", str(key), "-out", str(made)]
    subprocess.run(
        [*command, *subject, *names, *files], check=True, capture_output=True
    )
    return made, key


@pytest.fixture
def behind(
    certificate: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[BehindProxy]:
    made, key = certificate
    monkeypatch.setattr(http, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(http, "LONGEST_WAIT", 0.01)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    folder, token_file = tmp_path / "usage", tmp_path / "token"
    folder.mkdir()
    file = folder / "IC01.usg"
    file.write_bytes(b"x" * 2_000)
    subprocess.run(["touch", "-d", "2026-01-01", str(file)], check=True)
    token_file.write_text(TOKEN)
    context = scripted_portal.server_context(str(made), str(key))

    def secure(server: object) -> object:
        return context.wrap_socket(server, server_side=True)  # type: ignore[arg-type]  # a socket

    with scripted_portal.running(Script(), secure=secure) as script:
        port = urlsplit(script.address).port or 0
        with connect_proxy.running(ConnectProxy(port)) as proxy:
            yield BehindProxy(script, proxy, folder, token_file, capsys)


def assert_delivered(behind: BehindProxy, result: tuple[int, str]) -> None:
    assert result == (0, "accepted: IC01.usg\n")
    assert [*behind.script.accepted] == ["IC01.usg"]
    assert behind.proxy.heads[0].startswith("CONNECT portal.example:443 HTTP/1.1\r\n")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_the_environment_names_a_proxy(
    behind: BehindProxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, behind.address())
    assert_delivered(behind, behind.send())


def test_the_environment_names_a_proxy_on_windows_and_macos_too(
    behind: BehindProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_the_system(_host: str) -> bool:
        # There it takes the host alone, and reads the settings of the system.
        return True

    monkeypatch.setattr("urllib.request.proxy_bypass", of_the_system)
    monkeypatch.setattr(proxy, "proxy_bypass", of_the_system, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", behind.address())
    assert_delivered(behind, behind.send())


def test_an_option_names_a_proxy_and_wins(
    behind: BehindProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")
    plain = behind.address().removeprefix("http://")
    assert_delivered(behind, behind.send("--proxy", plain))


def test_the_token_goes_through_the_tunnel_and_the_password_to_the_proxy_alone(
    behind: BehindProxy,
) -> None:
    behind.proxy.credentials = CREDENTIALS
    result = behind.send("--proxy", behind.address(SIGNED_IN))
    assert_delivered(behind, result)
    assert TOKEN.encode() not in behind.proxy.seen
    for headers in behind.script.headers:
        assert headers["Authorization"] == f"Bearer {TOKEN}"
        assert "Proxy-Authorization" not in headers
    # The tunnel is opened by these lines and no others.
    for head in behind.proxy.heads:
        assert head.split("\r\n")[1:] == [
            "Host: portal.example:443",
            f"Proxy-Authorization: {CREDENTIALS}",
            "",
            "",
        ]


@pytest.mark.parametrize(
    ("user", "offered", "text"),
    [
        ("", 'Basic realm="x"', "asks for a user and a password: status 407. Give"),
        (
            "user:quince@",
            'Basic realm="x"',
            "does not accept the user and the password: status 407. Check",
        ),
        ("user:quince@", "NTLM", "offers a sign-in by NTLM only"),
    ],
)
def test_a_proxy_that_asks_for_a_password_is_reported_in_words(
    behind: BehindProxy, user: str, offered: str, text: str
) -> None:
    behind.proxy.credentials, behind.proxy.offered = CREDENTIALS, offered
    code, printed = behind.send("--proxy", behind.address(user))
    assert code == 4
    place = f"{ports.LOOPBACK}:{behind.proxy.port}"
    assert printed.startswith(f"not delivered: the proxy {place} {text}")
    assert "quince" not in printed
    # Another try would be refused as well, and may lock the account.
    assert len(behind.proxy.heads) == 1


@pytest.mark.parametrize(
    ("refusal", "tries"), [("403 Forbidden", 1), ("503 Away", http.TRIES)]
)
def test_a_proxy_that_opens_no_tunnel_is_reported_in_words(
    behind: BehindProxy, refusal: str, tries: int
) -> None:
    behind.proxy.refusal = refusal
    code, printed = behind.send("--proxy", behind.address())
    assert code == 4
    status = refusal.split(maxsplit=1)[0]
    assert f"does not connect to portal.example:443: status {status}. Ask" in printed
    assert len(behind.proxy.heads) == tries


@pytest.mark.parametrize("listed", ["portal.example", ".example", "a.test, example"])
def test_no_proxy_names_hosts_that_are_reached_without(
    behind: BehindProxy, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setattr(http, "TRIES", 1)
    monkeypatch.setenv("HTTPS_PROXY", behind.address())
    monkeypatch.setenv("NO_PROXY", listed)
    # The name is only known to the proxy.
    assert behind.send()[0] == 4
    assert behind.proxy.heads == []


def test_a_portal_on_this_machine_is_reached_without_a_proxy(
    behind: BehindProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", behind.address())
    with scripted_portal.running(Script()) as near:
        assert behind.send(to=near.address)[0] == 0
        code, printed = behind.send("--proxy", behind.address(), to=near.address)
    assert (code, "leave the proxy out" in printed) == (1, True)
    assert behind.proxy.heads == []


@pytest.mark.parametrize(
    "address",
    ["socks5://user:quince@proxy:1080", "http://quince:x@", "http://p:x/", "p/quince"],
)
def test_an_address_that_is_no_proxys_is_refused_and_not_repeated(
    behind: BehindProxy, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    for options, start in ((["--proxy", address], "a proxy"), ([], "HTTPS_PROXY: a")):
        code, printed = behind.send(*options)
        assert code == 1
        assert printed.startswith(start)
        assert "a proxy's address is http://HOST:PORT" in printed
        assert "quince" not in printed
