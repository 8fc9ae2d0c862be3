"""Defines the licence sets that people hold, and the role that each set implies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

AGENT, BUSINESS, ADD_ON = "agent", "business", "add_on"

# From most to least common: agents, business users, and supervisors with add-ons.
LICENCE_SETS: tuple[tuple[str, ...], ...] = (
    ("I3_ACCESS_ACD_MEDIA_1", "I3_ACCESS_CLIENT"),
    ("I3_ACCESS_CLIENT",),
    ("I3_ACCESS_ACD_MEDIA_3_PLUS", "I3_ACCESS_CLIENT"),
    ("I3_ACCESS_ACD_MEDIA_3_PLUS", "I3_ACCESS_CLIENT", "I3_ACCESS_RECORDER"),
    ("I3_ACCESS_ACD_MEDIA_2", "I3_ACCESS_CLIENT", "I3_ACCESS_IPA_USER"),
)
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "I3_ACCESS_ACD_MEDIA_1": AGENT,
        "I3_ACCESS_ACD_MEDIA_2": AGENT,
        "I3_ACCESS_ACD_MEDIA_3_PLUS": AGENT,
        "I3_ACCESS_CLIENT": BUSINESS,
        "I3_ACCESS_RECORDER": ADD_ON,
        "I3_ACCESS_IPA_USER": ADD_ON,
    }
)
# Logins on a day, compared with other roles: business users mostly stay logged in.
_AGENT_LOGINS, _OFFICE_LOGINS = 1.15, 0.55


@dataclass(frozen=True, slots=True, eq=False)
class SetRoles:
    """Properties of licence sets, as columns with an entry for each set.

    `shares` is the share of people who hold the set. `is_office` marks business users.
    `logins` is a factor of the mean number of logins, 1 on average. `other` is the set
    to which its holder may change during a login: an agent becomes a business user, a
    supervisor an agent; a business user keeps the set.
    """

    shares: NDArray[np.float64]
    is_office: NDArray[np.bool_]
    logins: NDArray[np.float64]
    other: NDArray[np.int64]


def role_of(names: Iterable[str]) -> str:
    """Return the kind that is the role of a set; unknown keys count as an agent's."""
    kinds = {KINDS.get(name, AGENT) for name in names}
    return next((kind for kind in (ADD_ON, AGENT) if kind in kinds), BUSINESS)


def roles_of(sets: Sequence[Sequence[str]]) -> SetRoles:
    """Derive the roles of sets that are listed from most to least common."""
    roles = [role_of(names) for names in sets]
    # Half of the people hold the first set, a quarter the second, and so on.
    shares = np.array([0.5**number for number in range(1, len(sets) + 1)])
    shares[-1] *= 2
    is_office = np.array([role == BUSINESS for role in roles])
    logins = np.where(is_office, _OFFICE_LOGINS, _AGENT_LOGINS)
    lower = {ADD_ON: AGENT, AGENT: BUSINESS}
    other = [
        index if role == BUSINESS else _first(roles, lower[role], index)
        for index, role in enumerate(roles)
    ]
    return SetRoles(
        shares, is_office, logins / (shares @ logins), np.array(other, dtype=np.int64)
    )


def _first(roles: Sequence[str], wanted: str, index: int) -> int:
    """Return the first set of a role, or the next set if there is none."""
    return roles.index(wanted) if wanted in roles else (index + 1) % len(roles)
