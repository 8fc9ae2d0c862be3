"""The stored state of the demo between runs: passwords, tokens, files to send."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

_NAME = "demo.json"


@dataclass(slots=True)
class DemoState:
    """The content of `demo.json`; a tenant is in `to_send` once its files are written.

    `is_told`: the history was made, or must not be made.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    to_send: dict[str, list[list[str]]] = field(default_factory=dict)
    is_told: bool = False


def load(folder: Path) -> DemoState:
    """Load the state of an earlier run; an empty one if there was none."""
    try:
        text = (folder / _NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return DemoState()
    # Files without this key are of a version that made the history at every run.
    return DemoState(**{"is_told": True, **json.loads(text)})


def save(state: DemoState, folder: Path) -> None:
    """Replace `demo.json`; only its owner may read it."""
    path = folder / _NAME
    unfinished = path.with_suffix(".part")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(asdict(state), indent=1))
    os.replace(unfinished, path)  # noqa: PTH105 - whole or not at all
