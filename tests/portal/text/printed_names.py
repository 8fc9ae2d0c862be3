"""Finds where templates print names that people typed, and what surrounds them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEMPLATES = Path(__file__).parents[3] / "templates"

# What people typed, or what names their servers and files, by its last parts.
NAME = re.compile(
    r"(?:^|.*\.)(?:"
    r"(?:tenant|customer|company|user|membership|admin|server|file|token|outcome|line)"
    r"\.name|rows\.0\.name|content\.subject|q"
    r"|server|customer|company|by|reason|search|file_name|escalation"
    r"|(?:sent|asked|decided|made|created|started|stopped|waived)_by"
    r"|(?:decision|waive|ended)_reason|licence_key|base_key"
    r")"
)

# Values of that name that are something else, and why.
NOT_NAMES = {
    ("billing/statements/head.html", "reason"),
}

_TOKEN = re.compile(
    r"\{\{\s*(?P<printed>[^}|\s]+)(?P<filters>[^}]*?)\s*\}\}"
    r"|\{%\s*(?P<tag>\w+)(?P<rest>.*?)%\}"
    r"|\{#.*?#\}"
    r"|<!--.*?-->"
    r"|<(?P<closing>/?)(?P<element>[a-zA-Z][a-zA-Z0-9]*)"
    r"|(?P<end>>)",
    re.S,
)
_WITH = re.compile(r"\b(\w+)=([\w.]+)((?:\|[^\s]+)*)")
_ATTRIBUTE = re.compile(
    r"\b([\w-]+)=[\"'](?:[^\"'{]|\{\{(?:(?!\}\}).)*\}\}|\{%(?:(?!%\}).)*%\})*$", re.S
)

# Attributes that are read to people.
_READ = {"aria-label", "title", "placeholder", "alt"}

# Elements whose text has no elements in it.
_PLAIN = {"title", "text"}
# The browser isolates the first; the second shows what is edited.
_APART = {"option", "textarea"}


@dataclass(frozen=True)
class PrintedName:
    """A name in a template; `start` and `end` are those of its braces."""

    template: str
    expression: str
    filters: str
    start: int
    end: int
    line: int
    is_plain: bool
    is_isolated: bool


def printed_names(path: Path, root: Path = TEMPLATES) -> Iterator[PrintedName]:
    """Yield the names that a template prints for people to read."""
    yield from _Scan(path.read_text(encoding="utf-8"), str(path.relative_to(root)))


class _Scan:
    """Goes through a template once, and knows which elements it is in."""

    def __init__(self, text: str, template: str) -> None:
        self.text, self.template = text, template
        self.is_text = not template.endswith(".html")
        self.open: list[str] = []
        self.tag_at: int | None = None
        self.blocks: list[str] = []
        self.values: dict[str, tuple[str, str]] = {}

    def __iter__(self) -> Iterator[PrintedName]:
        for found in _TOKEN.finditer(self.text):
            if found["printed"]:
                yield from self._printed(found)
            elif found["tag"]:
                self._template_tag(found["tag"], found["rest"])
            elif found["element"]:
                self._element(found)
            elif found["end"]:
                self.tag_at = None

    def _template_tag(self, tag: str, rest: str) -> None:
        if tag == "block":
            self.blocks.append(rest.split(maxsplit=1)[0])
        elif tag == "endblock" and self.blocks:
            self.blocks.pop()
        elif tag in ("blocktranslate", "with"):
            self.values |= {
                name: (value, filters) for name, value, filters in _WITH.findall(rest)
            }
        elif tag in ("endblocktranslate", "endwith"):
            self.values = {}

    def _element(self, found: re.Match[str]) -> None:
        name = found["element"].lower()
        if self.is_text:
            return
        self.tag_at = found.start()
        if found["closing"]:
            if name in self.open:
                del self.open[len(self.open) - 1 - self.open[::-1].index(name) :]
        elif name in _PLAIN | _APART | {"bdi"}:
            self.open.append(name)

    def _printed(self, found: re.Match[str]) -> Iterator[PrintedName]:
        expression, filters = found["printed"], found["filters"]
        value, more = self.values.get(expression, (expression, ""))
        if not NAME.fullmatch(value) or (self.template, expression) in NOT_NAMES:
            return
        filters = more + filters
        if "urlencode" in filters or set(_APART) & set(self.open):
            return
        is_plain = self.is_text or self.blocks[-1:] == ["title"]
        is_plain = is_plain or bool(_PLAIN & set(self.open))
        if self.tag_at is not None:
            inside = _ATTRIBUTE.search(self.text[self.tag_at : found.start()])
            if inside is None or inside[1] not in _READ:
                return
            is_plain = True
        yield PrintedName(
            self.template,
            value,
            filters,
            found.start(),
            found.end(),
            self.text.count("\n", 0, found.start()) + 1,
            is_plain,
            "isolated" in filters if is_plain else "bdi" in self.open,
        )
