"""A small proxy in front of the real S3 server with a script of faults."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from usage.storage import s3_client

# Says what to do with a request: None passes it on, a status and a code of S3 answers
# in the store's place, bytes do so with status 200, "lose" passes it on and gives no
# answer back.
Script = Callable[[str, str], tuple[int, str] | bytes | str | None]

_ERROR = "<Error><Code>{}</Code><Message>as told</Message></Error>"


@dataclass
class FaultyS3Proxy:
    """What the proxy does, and what it has seen."""

    address: str
    script: Script = field(default=lambda _method, _path: None)
    # A header of answers that it does not pass on, in lower case.
    without: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def paths_of(self, method: str) -> list[str]:
        return [path for one, path, _ in self.seen if one == method]


@contextmanager
def run_faulty_s3_proxy(settings: Any) -> Iterator[FaultyS3Proxy]:
    """Put the proxy before the store that the settings name, for a while."""
    real = urlsplit(settings.S3["endpoint_url"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ProxyHandler)
    server.daemon_threads = True
    proxy = FaultyS3Proxy(f"http://127.0.0.1:{server.server_port}")
    server.proxy, server.real = proxy, real.netloc  # type: ignore[attr-defined]  # for the handler
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = settings.S3
    settings.S3 = {**before, "endpoint_url": proxy.address}
    s3_client.client.cache_clear()
    try:
        yield proxy
    finally:
        settings.S3 = before
        s3_client.client.cache_clear()
        server.shutdown()
        server.server_close()


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        proxy: FaultyS3Proxy = self.server.proxy  # type: ignore[attr-defined]  # ours
        proxy.seen.append((self.command, self.path, dict(self.headers)))
        body = self._body()
        scripted = proxy.script(self.command, self.path)
        if isinstance(scripted, tuple):
            self._respond(scripted[0], [], _ERROR.format(scripted[1]).encode())
            return
        if isinstance(scripted, bytes):
            self._respond(200, [], scripted)
            return
        status, headers, answer = self._pass_on(body)
        if scripted == "lose":
            self.close_connection = True
            self.connection.close()
            return
        self._respond(status, headers, answer)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _answer  # noqa: N815 - the library's names

    def _body(self) -> bytes:
        if (self.headers.get("Expect") or "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        real = http.client.HTTPConnection(self.server.real, timeout=30)  # type: ignore[attr-defined]  # ours
        headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
        # With the host that was signed.
        real.request(self.command, self.path, body, headers)
        answer = real.getresponse()
        data = answer.read()
        real.close()
        left_out = self.server.proxy.without  # type: ignore[attr-defined]  # ours
        passed_on = [(k, v) for k, v in answer.getheaders() if k.lower() != left_out]
        return answer.status, passed_on, data

    def _respond(
        self, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        self.send_response_only(status)
        is_head = self.command == "HEAD"
        for name, value in headers:
            if name.lower() not in {"transfer-encoding", "connection"} and (
                is_head or name.lower() != "content-length"
            ):
                self.send_header(name, value)
        if not is_head:
            self.send_header("Content-Length", str(len(body)))
        elif not headers:
            self.send_header("Content-Length", "0")
        self.end_headers()
        if not is_head:
            self.wfile.write(body)
