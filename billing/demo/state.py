"""What the demo remembers between runs: passwords, tokens, batches of files."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class DemoState:
    """What `demo.json` holds; a tenant is in `to_send` once its directory is written.

    `is_told` says that what would have happened by then has been made up, or need not.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    to_send: dict[str, list[list[str]]] = field(default_factory=dict)
    is_told: bool = False
