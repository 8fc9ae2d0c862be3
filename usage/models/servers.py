"""Servers of a tenant, and the keys that they sign with."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

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


class ServerKey(models.Model):
    """A key that a server signs with; trusted once a tenant admin has confirmed it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    server = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="keys")
    public = models.BinaryField(max_length=32)
    fingerprint = models.CharField(max_length=32)
    state = models.CharField(max_length=10, choices=KeyState)
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["server", "public"], name="a_server_has_a_key_once"
            ),
            models.CheckConstraint(
                condition=Q(state=KeyState.PROPOSED, decided_at=None)
                | Q(state=KeyState.CONFIRMED, decided_at__isnull=False),
                name="a_confirmed_key_says_since_when",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint
