"""Model of security events: sign-ins, failures, factors, refusals, ended sessions."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models.identity import User
from portal.models.tenants import Tenant


class EventKind(models.TextChoices):
    """What happened; the text is that of the list of events."""

    SIGNED_IN = "signed-in", _("Signed in")
    SIGN_IN_FAILED = "sign-in-failed", _("Sign-in failed")
    SIGN_IN_LOCKED = "sign-in-locked", _("Sign-in refused after too many tries")
    SIGNED_IN_AGAIN = "signed-in-again", _("Confirmed their identity")
    SIGNED_OUT = "signed-out", _("Signed out")
    SESSION_ENDED = "session-ended", _("Session ended")
    NEW_BROWSER = "new-browser", _("Signed in with a new browser")
    PASSWORD_CHANGED = "password-changed", _("Password changed")
    PASSWORD_LINK = "password-link", _("Link for a new password requested")
    PASSWORD_SET = "password-set", _("New password set by a link")
    FACTOR_ADDED = "factor-added", _("Second factor added")
    FACTOR_REMOVED = "factor-removed", _("Second factor removed")
    FACTOR_FAILED = "factor-failed", _("Wrong code or passkey")
    RECOVERY_CODE_USED = "recovery-code-used", _("Recovery code used")
    RECOVERY_CODES_MADE = "recovery-codes-made", _("New recovery codes made")
    FACTORS_RESET = "factors-reset", _("Second factors reset by somebody else")
    ADDRESS_CHANGED = "address-changed", _("Mail address changed")
    ACCOUNT_CLOSED = "account-closed", _("Account closed")
    LINK_REFUSED = "link-refused", _("Link refused")
    REFUSED = "refused", _("Refused: not allowed")
    TOKEN_UNKNOWN = "token-unknown", _("Request with an unknown token")
    TOKEN_REFUSED = "token-refused", _("Request with a token refused")


class SecurityEvent(models.Model):
    """One event, about a person or a token; never changed.

    `tenant` is set where the event belongs to one tenant, such as a refused token.
    `session` is the reference of the session, which may have ended since.
    """

    at = models.DateTimeField()
    kind = models.CharField(max_length=30, choices=EventKind)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True)
    # Who did it, if not the person: the address of an admin, the name of a token.
    actor = models.CharField(max_length=254, blank=True, default="")
    address = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=300, blank=True, default="")
    session = models.UUIDField(null=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["-at", "-id"], name="security_events_newest"),
            models.Index(fields=["user", "-at"], name="security_events_of_one"),
            models.Index(fields=["tenant", "-at"], name="security_events_of_tenant"),
            models.Index(
                fields=["address", "kind", "-at"], name="security_events_by_address"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=EventKind.values),
                name="a_security_event_is_of_a_known_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.user_id} at {self.at}"
