"""A server that answers `usage.usg send` as a test tells it to, and notes what it got.

It knows the three requests of the sender: which files are needed, a file, and the
report of the run.
"""

import hashlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from portal.stack import ports

# Status, headers, body.
Reply = tuple[int, Mapping[str, str], bytes]

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}


def problem(status: int, code: str, **headers: str) -> Reply:
    """Return a refusal in the portal's own form."""
    document = {"code": code, "title": f"Title of {code}.", "advice": "Advice."}
    return status, {**JSON, **headers}, json.dumps(document).encode()


@dataclass
class Script:
    """What the server does; `hold` keeps an answer back until a test ends.

    `replies` are by the name of a file, or `check` or `report`: one after the other,
    and the last one for ever. A name without replies is accepted. Reports are in
    `reports` alone.
    """

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    hold: threading.Event = field(default_factory=threading.Event)
    accepted: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""

    def reply(self, name: str, content: bytes) -> Reply:
        if name == "report":
            return self._reported(content)
        self.asked[name] += 1
        self.order.append(name)
        if name in self.held:
            self.hold.wait(30)
        told = self.replies.get(name)
        if told:
            return told.pop(0) if len(told) > 1 else told[0]
        if name == "check":
            files = [self._answer(one) for one in json.loads(content)["files"]]
            return 200, JSON, json.dumps({"files": files}).encode()
        self.accepted[name] = hashlib.sha256(content).hexdigest()
        document = {"verdict": "accepted", "file": {"problems": []}}
        return 201, JSON, json.dumps(document).encode()

    def _reported(self, content: bytes) -> Reply:
        self.reports.append(json.loads(content))
        told = self.replies.get("report")
        return told[0] if told else (200, JSON, b'{"id": "", "address": ""}')

    def _answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        is_here = asked["sha256"] in self.accepted.values()
        file = {"state": "accepted"} if is_here else None
        return {"name": "", "is_needed": not is_here, "file": file}


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class ScriptedAnswers(BaseHTTPRequestHandler):
        server_version, sys_version = "nginx", ""

        def _answer(self) -> None:
            script.headers.append(dict(self.headers.items()))
            content = self.rfile.read(int(self.headers["Content-Length"]))
            name = unquote(self.path.rpartition("/")[2])
            status, headers, body = script.reply(name, content)
            try:
                self.send_response(status)
                for header, value in headers.items():
                    self.send_header(header, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                return  # the sender has hung up

        do_POST = do_PUT = do_GET = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            pass

    return ScriptedAnswers


@contextmanager
def running(
    script: Script, *, secure: Callable[[Any], Any] | None = None
) -> Iterator[Script]:
    """Serve; `secure` wraps the listening socket in TLS."""
    server = ThreadingHTTPServer((ports.LOOPBACK, 0), _handler(script))
    server.daemon_threads = True
    server.block_on_close = False
    if secure is not None:
        server.socket = secure(server.socket)
    scheme = "http" if secure is None else "https"
    script.address = f"{scheme}://{ports.LOOPBACK}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        script.hold.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
