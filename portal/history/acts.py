"""Registry of what the acts of the audit trail mean; each app registers its own.

An act without a text is shown by its code, as words; a test finds those of the code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

# Returns the text of a code, None for an unknown code.
CodeText = Callable[[str], Text | None]


@dataclass(frozen=True, slots=True)
class ActGroup:
    """Acts that the filter of a trail offers together; `code` is in its address."""

    code: str
    title: Text
    order: int


@dataclass(frozen=True, slots=True)
class ActText:
    """What an act means.

    `sentence` names `{actor}`, `{subject}` and details by their keys in braces; a
    detail that an entry lacks is a dash. `title` is the act in the list of the filter.
    `staff_only` are the details that no tenant sees, not even in its own trail.
    `subject_text` is for subjects that are codes: a period, a kind of work.
    """

    group: ActGroup
    title: Text
    sentence: Text
    staff_only: frozenset[str] = frozenset()
    subject_text: CodeText | None = None


@dataclass(slots=True)
class DetailTexts:
    """Labels of details by their keys, and texts of their codes by key."""

    labels: dict[str, Text] = field(default_factory=dict)
    values: dict[str, list[CodeText]] = field(default_factory=dict)


_acts: dict[str, ActText] = {}
_details = DetailTexts()


def register(
    acts: Mapping[str, ActText],
    *,
    labels: Mapping[str, Text],
    values: Mapping[str, CodeText],
) -> None:
    """Add an app's acts and details; called once from `AppConfig.ready`."""
    _acts.update(acts)
    _details.labels.update(labels)
    for name, code_text in values.items():
        _details.values.setdefault(name, []).append(code_text)


def act_text(code: str) -> ActText | None:
    return _acts.get(code)


def registered() -> Mapping[str, ActText]:
    """Return all acts by their codes."""
    return _acts


def groups() -> list[tuple[ActGroup, list[tuple[str, ActText]]]]:
    """Return the groups in their order, each with its acts."""
    found: dict[str, tuple[ActGroup, list[tuple[str, ActText]]]] = {}
    for code, text in _acts.items():
        group = text.group
        found.setdefault(group.code, (group, []))[1].append((code, text))
    return sorted(found.values(), key=lambda one: one[0].order)


def acts_of(group: str) -> list[str]:
    """Return the codes of a group's acts; empty if there is no such group."""
    return [code for code, text in _acts.items() if text.group.code == group]


def label_of(name: str) -> Text:
    """Return the label of a detail; the words of its key if it has none."""
    return _details.labels.get(name, as_words(name))


def has_label(name: str) -> bool:
    return name in _details.labels


def value_text(name: str, code: str) -> Text | None:
    """Return the text of a detail's code, None if it is no code."""
    texts = (code_text(code) for code_text in _details.values.get(name, ()))
    return next((text for text in texts if text), None)


def as_words(code: str) -> str:
    """Return a code as words: late-flag-raised becomes late flag raised."""
    return code.replace("-", " ").replace("_", " ")


TENANT = ActGroup("tenant", _("The tenant"), 10)
PEOPLE = ActGroup("people", _("People and tokens"), 20)
LOOKED_AT = ActGroup("looked-at", _("Looked at and downloaded"), 80)
OPERATION = ActGroup("operation", _("Operation of the portal"), 90)
