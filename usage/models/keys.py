"""Tenants' sealing keys, and the secrets that user names are hashed with."""

from django.db import models
from django.db.models import Q

from portal.approvals import REASON_CHARACTERS
from portal.models import Tenant


class SealingKey(models.Model):
    """A tenant's key pair: servers seal for the public half, the portal opens.

    The private half is wrapped by the installation's master key; see
    `usage.tenant_keys`. A retired key still opens files, and is not handed out.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    fingerprint = models.CharField(max_length=32)
    public = models.BinaryField(max_length=32)
    wrapped_private = models.BinaryField(max_length=60)
    master_key = models.CharField(max_length=16)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    retired_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    retire_reason = models.CharField(
        max_length=REASON_CHARACTERS, blank=True, default="", db_default=""
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "fingerprint"], name="a_sealing_key_is_there_once"
            ),
            models.CheckConstraint(
                condition=Q(retired_at=None, retired_by="", retire_reason="")
                | (
                    Q(retired_at__isnull=False)
                    & ~Q(retired_by="")
                    & ~Q(retire_reason="")
                ),
                name="a_sealing_key_is_retired_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint


class NameSecret(models.Model):
    """The secret by which a tenant's user names are hashed, wrapped as keys are.

    It never changes: names hashed with another one could not be compared.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT)
    wrapped = models.BinaryField(max_length=60)
    master_key = models.CharField(max_length=16)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"of {self.created_at}"
