"""Reads the factors of a person, outside of any unit of work."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator

from portal.accounts.sign_in_facts import SECOND_FACTORS, is_staff_bound
from portal.models import FactorReset, Membership, User

TOTP = Authenticator.Type.TOTP
WEBAUTHN = Authenticator.Type.WEBAUTHN
RECOVERY_CODES = Authenticator.Type.RECOVERY_CODES


@dataclass(frozen=True, slots=True)
class PersonFactors:
    """The factors of a person; passkeys in the order in which they were added."""

    app: Authenticator | None
    passkeys: tuple[Authenticator, ...]
    codes: Authenticator | None

    @property
    def seconds(self) -> tuple[Authenticator, ...]:
        """The second factors: recovery codes alone are none."""
        return (*((self.app,) if self.app else ()), *self.passkeys)

    @property
    def codes_left(self) -> int:
        """How many recovery codes have not been used."""
        if self.codes is None:
            return 0
        return CODES - int(self.codes.data["used_mask"]).bit_count()


# How many recovery codes there are; the library's default, which the settings repeat.
CODES = 10


def factors_of(user_id: int) -> PersonFactors:
    """Return the factors of a person."""
    rows = list(Authenticator.objects.filter(user=user_id).order_by("pk"))
    return PersonFactors(
        app=next(_of_kind(rows, TOTP), None),
        passkeys=tuple(_of_kind(rows, WEBAUTHN)),
        codes=next(_of_kind(rows, RECOVERY_CODES), None),
    )


def _of_kind(rows: list[Authenticator], kind: str) -> Iterator[Authenticator]:
    return (row for row in rows if row.type == kind)


def needs_factor(user: User) -> bool:
    """Return whether a person needs a second factor: as staff, or for a tenant."""
    return (
        is_staff_bound(user)
        or Membership.objects.filter(
            user=user, tenant__requires_second_factor=True
        ).exists()
    )


def waits_until(user_id: int, *, at: datetime) -> datetime | None:
    """Return until when a person waits for a new factor after a reset, or None."""
    return (
        FactorReset.objects.filter(user=user_id, waits_until__gt=at)
        .values_list("waits_until", flat=True)
        .first()
    )


def locked_seconds(user_id: int) -> list[Authenticator]:
    """Return the second factors of a person, locked until the transaction ends.

    Two requests that each remove one wait for each other: the second sees what is left.
    """
    return list(
        Authenticator.objects.select_for_update()
        .filter(user=user_id, type__in=SECOND_FACTORS)
        .order_by("pk")
    )
