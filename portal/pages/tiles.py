"""Registry of the tiles of the home page; each app adds its own when it starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.functional import Promise

from portal.accounts.caller import Caller, Permission

Text = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class TileState:
    """The content of a tile: a sentence, and if need be a state with its shape.

    A tile with more to show names a template of its own, with `details` for it.
    """

    text: str = ""
    state: str = ""
    mark: str = ""
    template: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One tile; `load_state` reads in the unit of work of the caller's tenant."""

    order: int
    title: Text
    url_name: str
    needs: Permission
    load_state: Callable[[Caller, datetime], TileState]


_tiles: list[Tile] = []


def register(tile: Tile) -> None:
    """Add a tile; called once from `AppConfig.ready`."""
    _tiles.append(tile)
    _tiles.sort(key=lambda one: one.order)


def tiles_for(caller: Caller) -> list[Tile]:
    """Return the tiles that a caller may use, in their order."""
    return [tile for tile in _tiles if tile.needs in caller.permissions]
