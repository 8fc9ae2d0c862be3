"""Finds free ports on the loopback address."""

import random
import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"

# Below 32768, where Linux begins to hand out ports for outgoing connections: a
# port found free here is not taken a moment later by somebody's client.
PORTS_FROM = 20_000
PORTS_BELOW = 32_768

# SeaweedFS dials its admin part at the HTTP port plus this, whatever it was told.
GRPC_OFFSET = 10_000

# How often to try before giving up; a machine this full has other troubles.
ATTEMPTS = 2_000


class NoFreePortError(Exception):
    """No port could be found free."""


def is_free(port: int) -> bool:
    """Say whether a server could listen on the loopback port right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that connections of an earlier run that linger in
        # TIME_WAIT do not make the port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_answering(port: int) -> bool:
    """Say whether something accepts connections on the loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def find_free(taken: Iterable[int] = (), *, offset: int = 0) -> int:
    """Find a port that is free, and free `offset` above as well.

    Ports are drawn at random, so that two copies that start in the same second
    do not walk into each other.
    """
    avoided = set(taken)
    draw = random.SystemRandom()
    for _ in range(ATTEMPTS):
        port = draw.randrange(PORTS_FROM, PORTS_BELOW - offset)
        if {port, port + offset} & avoided:
            continue
        if is_free(port) and (not offset or is_free(port + offset)):
            return port
    message = f"no free port between {PORTS_FROM} and {PORTS_BELOW}"
    raise NoFreePortError(message)
