"""The columns of the endpoint table: callers, permission, body, sign-in."""

from dataclasses import dataclass, replace
from enum import Enum, Flag
from typing import Literal

from django.conf import settings

from portal.accounts.caller import Permission

ANYBODY = "anybody"
SIGNED_IN = "signed in"

Requirement = Permission | str


class Callers(Flag):
    """Whose credentials an endpoint evaluates."""

    NONE = 0
    """None: the endpoint answers everybody alike."""

    PEOPLE = 1
    """Sessions of people."""

    TOKENS = 2
    """API tokens, in the Authorization header."""


class BodyKind(Enum):
    """The kind of body that an endpoint takes, by the Content-Type."""

    NONE = "none"
    """No byte of it."""

    FORM = "form"
    """Fields: urlencoded or multipart. Files in it are dropped."""

    FILES = "files"
    """Fields and files: multipart."""

    JSON = "JSON"
    """An object: application/json."""

    STREAM = "stream"
    """One file as it is: anything but multipart."""


PEOPLE, TOKENS = Callers.PEOPLE, Callers.TOKENS
FORM, FILES = BodyKind.FORM, BodyKind.FILES
JSON, STREAM = BodyKind.JSON, BodyKind.STREAM

KIB = 1024
MIB = 1024 * KIB

# Bytes of a body. The web server's event loop collects bodies of the first two sizes
# before it gives them a thread (SMALL_BODY in portal.stack.web_connection).
ANONYMOUS_FORM = 16 * KIB
PLAIN_FORM = 64 * KIB
# 10,000 ids, one a line.
LISTS = 512 * KIB
# The questions about 1,000 files.
QUESTIONS = 2 * MIB
# A month of 62 files of 3 MB in one plain form, and room.
FILES_OF_FORM = 256 * MIB
# The setting, which differs by installation.
MAX_FILE_BYTES: Literal["MAX_FILE_BYTES"] = "MAX_FILE_BYTES"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one method of an address requires of a request.

    `max_body` is in bytes, or the setting that says how many. `is_fresh` admits a
    person only within ten minutes after they have signed in with the strongest factor
    that they have. `needs_factors` refuses a person whose second factor is required and
    missing in the session; only signing out and setting a factor up do without.
    """

    permission: Requirement
    callers: Callers
    body: BodyKind = BodyKind.NONE
    max_body: int | Literal["MAX_FILE_BYTES"] = 0
    is_fresh: bool = False
    needs_factors: bool = True

    def __post_init__(self) -> None:
        """Refuse values that contradict each other.

        Raises:
            ValueError: a permission without callers, a body without a size, or the
                reverse; a fresh sign-in or a second factor where no person calls; a
                fresh sign-in where tokens call, which never sign in.

        """
        if (self.permission == ANYBODY) != (self.callers is Callers.NONE):
            message = (
                "an endpoint needs callers if, and only if, it requires a permission"
            )
            raise ValueError(message)
        if (self.body is BodyKind.NONE) != (self.max_body == 0):
            message = "an endpoint needs a size if, and only if, it accepts a body"
            raise ValueError(message)
        if self.needs_factors and PEOPLE not in self.callers:
            message = "an endpoint that needs factors needs people to have them"
            raise ValueError(message)
        if self.is_fresh and (self.callers != PEOPLE or not self.needs_factors):
            message = "a fresh sign-in needs people alone, with all their factors"
            raise ValueError(message)

    @property
    def longest_body(self) -> int:
        """The bytes that a body may have."""
        if self.max_body == MAX_FILE_BYTES:
            return int(settings.MAX_FILE_BYTES)
        return int(self.max_body)


def anybody(body: BodyKind = BodyKind.NONE, max_body: int = 0) -> Endpoint:
    """Return an endpoint that answers everybody alike."""
    return Endpoint(ANYBODY, Callers.NONE, body, max_body, needs_factors=False)


def page(permission: Requirement) -> Endpoint:
    """Return an endpoint for signed-in people, without a body."""
    return Endpoint(permission, PEOPLE)


def form(
    permission: Requirement, body: BodyKind = FORM, max_body: int = PLAIN_FORM
) -> Endpoint:
    """Return an endpoint for signed-in people that takes a form."""
    return Endpoint(permission, PEOPLE, body, max_body)


def fresh(endpoint: Endpoint) -> Endpoint:
    """Let an endpoint need a fresh sign-in."""
    return replace(endpoint, is_fresh=True)


def one_factor(endpoint: Endpoint) -> Endpoint:
    """Open an endpoint also to people whose second factor is missing."""
    return replace(endpoint, needs_factors=False)


def api(
    permission: Requirement,
    body: BodyKind = BodyKind.NONE,
    max_body: int | Literal["MAX_FILE_BYTES"] = 0,
) -> Endpoint:
    """Return an endpoint for people and tokens."""
    return Endpoint(permission, PEOPLE | TOKENS, body, max_body)
