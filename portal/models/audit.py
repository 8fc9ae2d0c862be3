"""Model of the audit trail: a chain of entries per tenant, and one for the staff."""

from django.db import models

from portal.models.tenants import Tenant


class AuditEntry(models.Model):
    """One link of a tenant's audit trail; the trail without tenant is the staff's.

    Written only by `portal.audit.log.append`; no role may change or remove a row.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True)
    number = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    act = models.CharField(max_length=60)
    subject = models.CharField(max_length=200)
    details = models.JSONField()
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "number"],
                name="an_audit_trail_does_not_fork",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.act} {self.subject}"
