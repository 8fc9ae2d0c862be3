"""What a form carries through the confirmation of the identity: plain Python."""

import pytest

from portal.second_factor import carried_form

pytestmark = pytest.mark.plain


def test_a_form_comes_back_as_it_was_filled_in() -> None:
    form = carried_form.carry(
        "/a?b=c",
        page="/a",
        fields=[("reason", 'Ünï "x"\n<b>'), ("ids", "1"), ("ids", "2")],
        has_files=False,
    )
    assert carried_form.from_text(form.as_text()) == form
    assert form.is_whole


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "oldpassword",
        "password1",
        "api_token",
        "credential",
        "code",
        "key_text",
    ],
)
def test_secrets_are_left_out_and_have_to_be_typed_again(name: str) -> None:
    form = carried_form.carry(
        "/a", page="/a", fields=[(name, "hush"), ("x", "y")], has_files=False
    )
    assert "hush" not in form.as_text()
    assert not form.is_whole
    # Also if somebody adds them on the way.
    forged = form.as_text().replace('"x"', f'"{name}"')
    again = carried_form.from_text(forged)
    assert again is not None
    assert again.fields == ()


def test_the_csrf_token_is_left_out_and_is_no_loss() -> None:
    form = carried_form.carry(
        "/a", page="/a", fields=[("csrfmiddlewaretoken", "t")], has_files=False
    )
    assert form.fields == ()
    assert form.is_whole


def test_a_form_with_files_has_to_be_filled_in_again() -> None:
    form = carried_form.carry("/a", page="/a", fields=[], has_files=True)
    again = carried_form.from_text(form.as_text())
    assert again is not None
    assert not again.is_whole


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "[]",
            "{}",
            "null",
            '["/a", "/a", [], 2]',
            '["/a", "/a", [], []]',
            '["/a", "/a", [["x", "\\ud800"]], true]',
            '["/a?\\udfff", "/a", [], true]',
            '["/a", "/a", [["x"]], true]',
        ),
        *('["/a", 1, [], true]', '["/a", "/a", [["x", 1]], true]', "[" * 9_999),
    ],
)
def test_other_texts_carry_nothing(text: str) -> None:
    assert carried_form.from_text(text) is None


def test_fields_are_shown_with_readable_names() -> None:
    form = carried_form.carry(
        "/a",
        page="/a",
        fields=[("first_owed-on", "x"), ("for-customer", "1"), ("empty", "")],
        has_files=False,
    )
    assert form.shown == [("First owed on", "x")]
