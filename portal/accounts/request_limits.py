"""Limits how many requests a token, and all tokens of a network, send in a time.

Each limit is a bucket: it holds `burst` requests, and fills by `rate` a second. A
process first spends a small bucket of its own, without the database. Only who sends
faster than that takes further requests from the bucket that all processes share, a
row in the database, a hundred at a time (docs/decisions/0086).
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.db import connection

from portal.errors import Refused
from portal.models import RequestLevel

# Requests that a process allows by itself, and how many it regains a second: a script
# that sends its files each night never needs the shared bucket.
_OWN_BURST, _OWN_RATE = 60, 1.0

# Requests that a process takes from the shared bucket at once: one statement for a
# hundred requests.
_TAKEN_AT_ONCE = 100

# Seconds for which a shared bucket fills until it is full. A token may be on fifty
# servers, and on the last evening each of them sends a month: 1,550 files, and some
# hundred questions and reports. At 20 requests a second the burst is 3,000.
_FILLS_IN = 150

# Unknown tokens of a network, each counted once, and how often one of them may be
# tried. A server with an old token is one of them, whatever it sends.
_UNKNOWN_BURST, _UNKNOWN_RATE = 20, 1 / 60
_REPEATED_BURST, _REPEATED_RATE = 60, 1 / 10

# Buckets that a process remembers; the least recently used one is dropped.
_REMEMBERED = 10_000

# An IPv6 network of one customer has at least this length.
_IPV6_PREFIX = 64

# After this many seconds without use the bucket of a row is full again.
KEEP = timedelta(hours=1)

# A row is created full. One statement fills the bucket and takes from it, or changes
# nothing where too little is left. The database's clock is the same for all processes.
_TAKE = """
insert into portal_requestlevel as l (key, level, at)
values (%(key)s, %(burst)s - %(take)s, clock_timestamp())
on conflict (key) do update
set level = least(%(burst)s, l.level + %(rate)s
        * greatest(extract(epoch from excluded.at - l.at), 0)) - %(take)s,
    at = greatest(excluded.at, l.at)
where least(%(burst)s, l.level + %(rate)s
        * greatest(extract(epoch from excluded.at - l.at), 0)) >= %(take)s
returning 1
"""

TOO_MANY = "too-many-requests"


@dataclass(slots=True)
class _OwnBucket:
    """A process's bucket; `refused_until` is on the monotonic clock, in seconds."""

    level: float
    at: float
    refused_until: float = 0.0

    def fill(self, *, burst: float, rate: float, at: float) -> None:
        # Requests that were taken from the shared bucket may be more than a burst.
        filled = min(burst, self.level + rate * (at - self.at))
        self.level, self.at = max(self.level, filled), at


class RequestLimits:
    """The limits as one process applies them; `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[bytes, _OwnBucket] = OrderedDict()

    def clear(self) -> None:
        with self._lock:
            self._buckets.clear()

    def count_token(self, digest: bytes, address: str) -> None:
        """Count a request of a valid token, for the token and for its network.

        Raises:
            Refused: too many; `seconds` is the time until the next try.

        """
        self._count_shared(b"token" + digest, settings.TOKEN_REQUESTS_PER_SECOND)
        if address:
            network = b"network" + network_of(address).encode()
            self._count_shared(network, settings.NETWORK_REQUESTS_PER_SECOND)

    def count_unknown(self, digest: bytes, address: str) -> None:
        """Count a request with a token that lets nobody in, or nobody from there.

        Valid tokens of the same network are not affected, whatever others try there.
        Where networks have no limit, neither do unknown tokens.

        Raises:
            Refused: as `count_token`.

        """
        if not settings.NETWORK_REQUESTS_PER_SECOND:
            return
        network = network_of(address).encode()
        key = _key(b"unknown" + digest + network)
        with self._lock:
            is_new = key not in self._buckets
        if is_new:
            self._count_own(_key(b"guess" + network), _UNKNOWN_BURST, _UNKNOWN_RATE)
        self._count_own(key, _REPEATED_BURST, _REPEATED_RATE)

    def _count_own(self, key: bytes, burst: float, rate: float) -> None:
        at = self._clock()
        with self._lock:
            bucket = self._bucket(key, burst, at)
            bucket.fill(burst=burst, rate=rate, at=at)
            if bucket.level < 1:
                raise _refusal((1 - bucket.level) / rate)
            bucket.level -= 1

    def _count_shared(self, name: bytes, rate: int) -> None:
        if not rate:
            return
        key, at = _key(name), self._clock()
        with self._lock:
            bucket = self._bucket(key, _OWN_BURST, at)
            bucket.fill(burst=_OWN_BURST, rate=_OWN_RATE, at=at)
            if bucket.level >= 1:
                bucket.level -= 1
                return
            if at < bucket.refused_until:
                raise _refusal(bucket.refused_until - at)
        # Without the lock: another thread may take from the database at the same time.
        is_taken = _take(key, rate)
        with self._lock:
            if is_taken:
                bucket.level += _TAKEN_AT_ONCE - 1
                return
            wait = _TAKEN_AT_ONCE / rate
            bucket.refused_until = at + wait
        raise _refusal(wait)

    def _bucket(self, key: bytes, burst: float, at: float) -> _OwnBucket:
        bucket = self._buckets.setdefault(key, _OwnBucket(burst, at))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket


# Those of this process.
LIMITS = RequestLimits()


def network_of(address: str) -> str:
    """Return whose requests are counted together: an IPv4 address, or an IPv6 /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, _IPV6_PREFIX), strict=False))


def remove_unused(*, before: datetime) -> None:
    """Remove shared buckets that nobody has used since an instant."""
    RequestLevel.objects.filter(at__lt=before).delete()


def _take(key: bytes, rate: int) -> bool:
    """Take requests from the shared bucket; False if it has not enough."""
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "key": key,
                "burst": float(rate * _FILLS_IN),
                "rate": float(rate),
                "take": float(_TAKEN_AT_ONCE),
            },
        )
        return cursor.fetchone() is not None


def _refusal(seconds: float) -> Refused:
    return Refused("too-many-requests", seconds=max(1, round(seconds + 0.5)))


def _key(name: bytes) -> bytes:
    return hashlib.sha256(name).digest()
