"""Decides whose turn it is in a period, and what the next step is.

One pure function of counts, so that pages, mails, exports and the API cannot disagree.
"""

from dataclasses import dataclass
from enum import StrEnum


class Turn(StrEnum):
    """Who has to act before the period can become complete.

    `tenant`: the people of the tenant. `staff`: the billing team. `portal`: no person,
    because the portal is checking files.
    """

    NOBODY = "nobody"
    TENANT = "tenant"
    STAFF = "staff"
    PORTAL = "portal"


class Step(StrEnum):
    """What the tenant does next; `none` where it is not the tenant's turn."""

    NONE = "none"
    UPLOAD = "upload"
    CONFIRM_KEYS = "confirm-keys"
    CHECK_SERVERS = "check-servers"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCounts:
    """What keeps a period from being complete.

    `missing`, `faults` and `with_us` are server-days: missing under a manual licence
    and not waived, missing under automated upload, and waiting. `to_confirm` are files
    that are held for a server key; `to_decide` files and excuses that wait for the
    billing team.
    """

    missing: int
    faults: int
    with_us: int
    lacks_servers: bool
    to_confirm: int
    to_decide: int


def next_step(found: OpenCounts) -> tuple[Turn, Step]:
    """Return whose turn it is, and the tenant's next step.

    The tenant's own step comes first: others need not act while files are missing.
    """
    if found.missing or found.lacks_servers:
        return Turn.TENANT, Step.UPLOAD
    if found.with_us and found.to_confirm:
        return Turn.TENANT, Step.CONFIRM_KEYS
    if found.with_us:
        return (Turn.STAFF if found.to_decide else Turn.PORTAL), Step.NONE
    if found.faults:
        return Turn.TENANT, Step.CHECK_SERVERS
    return Turn.NOBODY, Step.NONE
