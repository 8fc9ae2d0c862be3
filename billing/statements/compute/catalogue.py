"""Maps licence keys to kinds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

# A concurrent licence is counted as the assigned licence of the same name.
_CONCURRENT = "_CONCURRENT"


class Kind(StrEnum):
    """How a licence key counts the user who holds it."""

    AGENT = "agent"
    BUSINESS = "business"
    ADD_ON = "add_on"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A version of the catalogue: the kind of each licence key, without endings."""

    version: int
    kinds: Mapping[str, Kind]

    @property
    def add_ons(self) -> list[str]:
        return sorted(key for key, kind in self.kinds.items() if kind is Kind.ADD_ON)

    def unclassified(self, licence_keys: Iterable[str]) -> list[str]:
        """Return the keys that have no kind, sorted, without endings."""
        return sorted(set(base_keys(licence_keys)) - set(self.kinds))

    def kinds_of(self, licence_keys: Iterable[str]) -> list[tuple[str, str]]:
        """Return keys with their kinds, empty for an unclassified key; sorted."""
        bases = base_keys(licence_keys)
        return [(key, str(self.kinds.get(key, ""))) for key in bases]


def base_keys(licence_keys: Iterable[str]) -> list[str]:
    """Return keys as the catalogue has them, sorted; those of spaces are left out."""
    return sorted({base_key(key) for key in licence_keys} - {""})


def base_key(licence_key: str) -> str:
    """Remove spaces around a key, and endings as long as something is left."""
    key = licence_key.strip()
    while key.endswith(_CONCURRENT) and key != _CONCURRENT:
        key = key.removesuffix(_CONCURRENT).strip()
    return key
