"""Every field of text, of every form, cleans what is typed into it."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from django import forms
from django.core.exceptions import ValidationError

from billing.staff.forms import OpenTenantForm
from portal.accounts.forms import NewPasswordRequestForm, SignInForm
from portal.forms import ExactField, LineField, LinesField
from portal.typed_text.clean import one_line, paragraphs
from tests.portal.text.hostile import HOSTILE

pytestmark = pytest.mark.plain

# Values that are looked up or parsed as they are, and why they are not cleaned.
EXACT = {
    "ClassifyForm.licence_key": "usage files name it",
    "ZoneChangeForm.zone": "the pinned zone data name it",
    "ZoneCorrectionForm.zone": "the pinned zone data name it",
    "ConsequenceForm.days": "lines of days and server names that the page has made",
    "FileFilterForm.server": "usage files name it",
    "FileFilterForm.who": "a name as it was stored, from a list of choices",
    "IssueForm.figures_sha256": "a hash",
    "PasskeyForm.credential": "JSON that the browser has made",
    "ReceiptForm.ids": "ids, a line each",
    "StaffTrailForm.subject": "a subject as entries store it",
    "StaffTrailForm.who": "a name as it was stored, from a list of choices",
    "TrailForm.subject": "a subject as entries store it",
    "TrailForm.who": "a name as it was stored, from a list of choices",
    "UsersForm.line": "contains a licence key, which usage files name",
}

# Their field of a mail address is made with each form.
OF_THE_LIBRARY = (SignInForm, NewPasswordRequestForm)


def _forms() -> list[type[forms.Form]]:
    """Return the forms of the project, of all modules that may define one."""
    for app in ("portal", "usage", "billing"):
        package = importlib.import_module(app)
        for module in pkgutil.walk_packages(package.__path__, f"{app}."):
            if module.name.rsplit(".", 1)[-1] in ("forms", "views") or (
                module.name.endswith("_views")
            ):
                importlib.import_module(module.name)
    found: dict[type[forms.Form], None] = {}
    waiting = [forms.Form]
    while waiting:
        for form in waiting.pop().__subclasses__():
            waiting.append(form)
            if form.__module__.split(".")[0] in ("portal", "usage", "billing"):
                found[form] = None
    return list(found)


def _text_fields() -> Iterator[tuple[str, forms.CharField]]:
    for form in _forms():
        if form in OF_THE_LIBRARY:
            continue
        for name, field in form.base_fields.items():
            # Passwords are compared as they are typed.
            is_exact = isinstance(field, forms.UUIDField) or isinstance(
                field.widget, forms.PasswordInput
            )
            if isinstance(field, forms.CharField) and not is_exact:
                yield f"{form.__name__}.{name}", field


FIELDS = dict(_text_fields())
CLEANING = {
    name: field for name, field in FIELDS.items() if isinstance(field, LineField)
}


def test_the_forms_are_found() -> None:
    assert len(_forms()) > 15
    assert "OpenTenantForm.name" in CLEANING


def test_every_field_of_text_cleans_it_or_looks_it_up_exactly() -> None:
    plain = [
        name
        for name, field in FIELDS.items()
        if not isinstance(field, LineField | ExactField)
    ]
    assert plain == []
    exact = {name for name, field in FIELDS.items() if isinstance(field, ExactField)}
    assert exact == set(EXACT)


@pytest.mark.parametrize("field_name", CLEANING)
def test_a_field_keeps_clean_text_or_refuses_in_words(field_name: str) -> None:
    field = CLEANING[field_name]
    clean = paragraphs if isinstance(field, LinesField) else one_line
    for typed in HOSTILE.values():
        kept, refusals = _cleaned(field, typed)
        assert kept == clean(kept)
        assert field.max_length is None or len(kept) <= field.max_length
        assert all(len(text) > 10 for text in refusals)


def _cleaned(field: forms.CharField, typed: str) -> tuple[str, list[str]]:
    try:
        return str(field.clean(typed)), []
    except ValidationError as error:
        return "", error.messages


@pytest.mark.parametrize("typed", ["\u3164", "\u202e\u200b", " \u00a0\t", "\u0301"])
def test_a_name_that_shows_nothing_is_refused_as_empty(typed: str) -> None:
    field = OpenTenantForm.base_fields["name"]
    with pytest.raises(ValidationError, match="required"):
        field.clean(typed)


def test_a_length_is_counted_after_cleaning() -> None:
    field = OpenTenantForm.base_fields["name"]
    assert field.clean("\u202e" * 300 + "x" * 200 + " " * 300) == "x" * 200
    with pytest.raises(ValidationError, match="at most 200"):
        field.clean("x" * 201)
