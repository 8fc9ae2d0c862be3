"""The stored state of the demo between runs: passwords, tokens, files to send."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class DemoState:
    """The content of `demo.json`; a tenant is in `to_send` once its files are written.

    `is_told` means that the history was made, or must not be made.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    to_send: dict[str, list[list[str]]] = field(default_factory=dict)
    is_told: bool = False
