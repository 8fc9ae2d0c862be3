"""Servers of a tenant, and the keys that they sign with."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from portal.approvals import REASON_CHARACTERS
from portal.models import Tenant


class Server(models.Model):
    """A PureConnect server of a tenant.

    Before `first_owed_on` and after `retired_on` it owes nothing; without a first day
    it owes from the tenant's first. It exists from the first genuine file on, before
    anybody has confirmed its key: its days are owed all the same.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    name = models.CharField(max_length=128)
    first_owed_on = models.DateField(null=True)
    retired_on = models.DateField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "tenant",
                Lower("name"),
                name="a_server_name_is_there_once_whatever_its_case",
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="a_server_can_be_named_with_its_tenant"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class KeyState(models.TextChoices):
    PROPOSED = "proposed", _("to be confirmed")
    CONFIRMED = "confirmed", _("confirmed")
    REFUSED = "refused", _("refused")
    REVOKED = "revoked", _("revoked")


# States that a key never leaves: another key takes its place.
ENDED_STATES = (KeyState.REFUSED, KeyState.REVOKED)


class ServerKey(models.Model):
    """A key that a server signs with; trusted once a tenant admin has confirmed it.

    `decided_at` and `decided_by` are of the confirmation, the `ended` columns and
    `end_reason` of the refusal of a proposed key or the revocation of a confirmed one.
    A revoked key is trusted for files received before `revoked_from`, which is
    earlier than `ended_at` if the key was stolen before anybody noticed.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    server = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="keys")
    public = models.BinaryField(max_length=32)
    fingerprint = models.CharField(max_length=32)
    state = models.CharField(max_length=10, choices=KeyState)
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, default="")
    revoked_from = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    end_reason = models.CharField(
        max_length=REASON_CHARACTERS, blank=True, default="", db_default=""
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["server", "public"], name="a_server_has_a_key_once"
            ),
            models.CheckConstraint(
                condition=Q(state=KeyState.PROPOSED, decided_at=None, ended_at=None)
                | Q(state=KeyState.CONFIRMED, decided_at__isnull=False, ended_at=None)
                | Q(state=KeyState.REFUSED, decided_at=None, ended_at__isnull=False)
                | Q(
                    state=KeyState.REVOKED,
                    decided_at__isnull=False,
                    ended_at__isnull=False,
                ),
                name="a_key_says_when_its_state_was_decided",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_by="", end_reason="")
                | (Q(ended_at__isnull=False) & ~Q(ended_by="") & ~Q(end_reason="")),
                name="a_key_ends_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state=KeyState.REVOKED) ^ Q(revoked_from=None),
                name="only_a_revoked_key_is_revoked_from_an_instant",
            ),
            models.CheckConstraint(
                condition=Q(revoked_from=None) | Q(revoked_from__lte=F("ended_at")),
                name="a_key_is_never_revoked_from_a_later_instant",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint

    def is_trusted_at(self, received_at: datetime) -> bool:
        """Return whether the key is trusted for a file received at an instant."""
        if self.revoked_from is not None:
            return received_at < self.revoked_from
        return self.state == KeyState.CONFIRMED
