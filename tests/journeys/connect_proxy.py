"""An HTTP proxy that opens tunnels (CONNECT), and notes every byte that it sees."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from portal.stack import ports


@dataclass
class ConnectProxy:
    """Takes any host for the one at `target_port`, if the credentials are right.

    `credentials` are the value of Proxy-Authorization; "": none are asked for.
    `refusal` is a status line with headers for every tunnel.
    """

    target_port: int
    credentials: str = ""
    refusal: str = ""
    offered: str = 'Basic realm="proxy"'
    port: int = 0
    heads: list[str] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)

    def serve(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4_096)
            self.heads.append(head.decode())
            self.seen += head
            answer = self._answer(head.decode())
            client.sendall(f"HTTP/1.1 {answer}\r\n\r\n".encode())
            if not answer.startswith("200"):
                return
            with socket.create_connection((ports.LOOPBACK, self.target_port)) as portal:
                back = threading.Thread(
                    target=self._pass, args=(portal, client), daemon=True
                )
                back.start()
                self._pass(client, portal)
                back.join(10)

    def _answer(self, head: str) -> str:
        if self.refusal:
            return f"{self.refusal}\r\nContent-Length: 0"
        if (
            self.credentials
            and f"\r\nProxy-Authorization: {self.credentials}\r\n" not in (head)
        ):
            asks = f"Proxy-Authenticate: {self.offered}"
            return f"407 Proxy Authentication Required\r\n{asks}\r\nContent-Length: 0"
        return "200 Connection established"

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.seen += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def running(proxy: ConnectProxy) -> Iterator[ConnectProxy]:
    server = socket.create_server((ports.LOOPBACK, 0))
    proxy.port = server.getsockname()[1]
    threading.Thread(target=proxy.serve, args=(server,), daemon=True).start()
    try:
        yield proxy
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
