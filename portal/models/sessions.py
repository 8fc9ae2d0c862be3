"""Model of the sessions of people: found by the hash of their cookie, and listed."""

from uuid import uuid4

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from portal.models.identity import User


class Session(AbstractBaseSession):
    """A session; `session_key` is the SHA-256 of the cookie, in hexadecimal.

    A copy of the database signs nobody in: the cookie cannot be computed from its hash.
    Sessions before the end of a sign-in have no person yet, and no `begun_at`.
    `reference` names a session on pages and in security events.
    """

    session_key = models.CharField(max_length=64, primary_key=True)
    reference = models.UUIDField(default=uuid4, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True)
    address = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=300, blank=True, default="")
    # The factors that were presented, in order: "password", "totp", "webauthn" …
    factors = models.JSONField(default=list)
    begun_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-last_seen_at"], name="sessions_of_a_person"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(session_key__regex="^[0-9a-f]{64}$"),
                name="a_session_is_kept_under_a_hash",
            ),
            models.CheckConstraint(
                condition=models.Q(user=None, begun_at=None, last_seen_at=None)
                | models.Q(
                    user__isnull=False,
                    begun_at__isnull=False,
                    last_seen_at__isnull=False,
                ),
                name="a_session_of_a_person_has_begun",
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.reference} of {self.user_id}"
