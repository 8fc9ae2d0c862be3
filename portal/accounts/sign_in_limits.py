"""How often a password may be tried: which counts a try belongs to, and their limits.

A limit per mail address alone would serve the attacker: a few wrong tries from anywhere
would keep the owner out. So the tight count is of an address and a network together.
The loose ones, of the address alone and of the network alone, are for attackers with
many networks or many addresses. A browser in which the person has signed in before has
a count of its own, and none of the others: neither strangers nor colleagues can keep
the person out of it.

Passkeys cannot be guessed and have no count. Codes of second factors and links for new
passwords have counts of their own. Everything in this module is plain Python; the
counts are in PostgreSQL (`portal.db.counters`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.db.counters import Counter
from portal.security_events.network import network_of

# Of an address and a network together. People who have forgotten which password they
# use try three or four; nobody is kept waiting longer than a break.
PAIR_TRIES, PAIR_WINDOW = 5, timedelta(minutes=15)

# Of a browser in which the person has signed in before, for that person. Twice as many:
# somebody else has to be at this very computer, or to have copied its cookie.
BROWSER_TRIES, BROWSER_WINDOW = 10, timedelta(minutes=15)

# Of an address, from all networks together. NIST SP 800-63B allows 100 wrong passwords
# in a row; at this rate a password of 12 characters that is on no list is not found.
# The owner still gets in: by a browser that is known, a passkey, or a link by mail.
ADDRESS_TRIES, ADDRESS_WINDOW = 100, timedelta(hours=24)

# Of a network: one password tried at many addresses. In an office of 300 people behind
# one IP address nearly all use browsers that are known, which do not count here;
# on a day when all browsers are new, one in three can mistype.
NETWORK_TRIES, NETWORK_WINDOW = 100, timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SignInTry:
    """Somebody has sent a mail address with a password.

    `address` is cleaned; `client` is the IP address, empty if it is not known.
    `known_browser` is the id of the browser, if the person of this mail address has
    signed in with it before; otherwise empty.
    """

    address: str
    client: str
    known_browser: str = ""


class Locked(Exception):  # noqa: N818 - it is the answer, not a fault of the program
    """There were too many tries; `until` is when there may be another."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


def counters_of(tried: SignInTry) -> tuple[Counter, ...]:
    """Return the counts that a try belongs to, in the order in which they are taken.

    All processes take them in this order: whoever waits for another holds only counts
    that the other already has.
    """
    if tried.known_browser:
        return (_browser(tried),)
    return (_network(tried.client), _address(tried.address), _pair(tried))


def own_counters_of(tried: SignInTry) -> tuple[Counter, ...]:
    """Return the counts that end with a success: the one that only the person fills.

    The others go on. An attacker with an account of their own could end them otherwise.
    """
    return (_browser(tried) if tried.known_browser else _pair(tried),)


def counters_of_address(tried: SignInTry) -> tuple[Counter, ...]:
    """Return the counts that end with a new password: guesses at the old one."""
    return (_address(tried.address), _pair(tried))


def take_all(
    tried: SignInTry, *, take: Callable[[Counter], datetime | None]
) -> tuple[Counter, ...]:
    """Take each count of a try; return them.

    Raises:
        Locked: one is full. The caller has to undo what was taken before.

    """
    counters = counters_of(tried)
    for counter in counters:
        until = take(counter)
        if until is not None:
            raise Locked(until)
    return counters


def minutes_until(until: datetime, *, at: datetime) -> int:
    """Return the minutes that somebody has to wait, at least one."""
    return max(1, -int((at - until).total_seconds() // 60))


def _pair(tried: SignInTry) -> Counter:
    name = f"sign-in pair {network_of(tried.client)} {tried.address}"
    return Counter(name, PAIR_TRIES, PAIR_WINDOW)


def _address(address: str) -> Counter:
    return Counter(f"sign-in address {address}", ADDRESS_TRIES, ADDRESS_WINDOW)


def _network(client: str) -> Counter:
    name = f"sign-in network {network_of(client)}"
    return Counter(name, NETWORK_TRIES, NETWORK_WINDOW)


def _browser(tried: SignInTry) -> Counter:
    name = f"sign-in browser {tried.known_browser} {tried.address}"
    return Counter(name, BROWSER_TRIES, BROWSER_WINDOW)
