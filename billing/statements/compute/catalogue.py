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

    def kind_of(self, licence_key: str) -> Kind | None:
        """Return the kind of a key; None for one that is not classified."""
        return self.kinds.get(base_key(licence_key))

    def unclassified(self, licence_keys: Iterable[str]) -> list[str]:
        """Return the keys that have no kind, sorted, without endings."""
        return sorted({base_key(key) for key in licence_keys} - set(self.kinds))

    def kinds_of(self, licence_keys: Iterable[str]) -> list[tuple[str, str]]:
        """Return keys with their kinds, empty for an unclassified key; sorted."""
        bases = sorted({base_key(key) for key in licence_keys})
        return [(key, str(self.kinds.get(key, ""))) for key in bases]


def base_key(licence_key: str) -> str:
    return licence_key.removesuffix(_CONCURRENT)
