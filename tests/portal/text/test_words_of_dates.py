"""Pages and mails name the dates of a period by two words: due, and late from."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
APPS = ("portal", "usage", "billing")
TEXT_FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}

# The label of a stored choice, which is in a migration; pages have a text of their own.
STORED = "the deadline was extended"


def template_texts() -> Iterator[str]:
    for path in (ROOT / "templates").rglob("*.*"):
        if path.suffix in (".html", ".txt"):
            # Names of variables and addresses are in tags.
            text = re.sub(r"{#.*?#}", "", path.read_text())
            yield from re.findall(r"{%-? *translate +(\"[^\"]*\"|'[^']*')", text)
            text = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>", " ", text)
            yield text


def python_texts() -> Iterator[str]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" in path.parts or "deadline" not in path.read_text().lower():
                continue
            for call in ast.walk(ast.parse(path.read_text())):
                if not isinstance(call, ast.Call):
                    continue
                name = getattr(call.func, "id", "")
                if name in TEXT_FUNCTIONS:
                    yield from (
                        one.value
                        for one in call.args
                        if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    )


def test_no_text_has_a_third_word() -> None:
    found = [*template_texts(), *python_texts()]
    # Placeholders keep the name of the field.
    texts = [re.sub(r"%\(\w+\)|{\w+}", "", one) for one in found]
    assert [one for one in texts if "deadline" in one.lower()] == [STORED]
