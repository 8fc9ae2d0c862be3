"""Models of the audit trail: entries, how far they are checked, and staff's visits."""

from django.db import models

from portal.models.identity import User
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
    # Whether the actor was one of the billing staff at the time. Set by a trigger, and
    # not covered by the digest: entries are older than this column.
    by_staff = models.BooleanField(db_default=False, editable=False)

    class Meta:
        verbose_name_plural = "audit entries"
        # One for each filter of the lists, which show the newest entries first.
        indexes = [
            models.Index(fields=["at", "id"], name="audit_by_time"),
            models.Index(fields=["tenant", "at", "id"], name="audit_of_a_tenant"),
            models.Index(fields=["actor", "at", "id"], name="audit_by_actor"),
            models.Index(fields=["act", "at", "id"], name="audit_by_act"),
            models.Index(
                fields=["subject", "tenant", "at", "id"], name="audit_by_subject"
            ),
            models.Index(
                fields=["tenant", "at", "id"],
                name="audit_by_staff",
                condition=models.Q(by_staff=True),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "number"],
                name="an_audit_trail_does_not_fork",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.act} {self.subject}"


class TrailCheck(models.Model):
    """How far a trail was checked; written by `portal.audit.check_trails`.

    Entries 1 to `number` are unbroken, and the last of them has this digest. Each night
    all of them are checked once more, from the beginning: `again_number` is how far
    that has come, 0 between two such checks.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True)
    number = models.BigIntegerField(default=0)
    digest = models.BinaryField(max_length=32)
    checked_at = models.DateTimeField()
    again_number = models.BigIntegerField(default=0)
    again_digest = models.BinaryField(max_length=32)
    # When the last check from the beginning ended.
    full_at = models.DateTimeField(null=True)
    # The first broken entry, until a check from the beginning finds the trail unbroken.
    broken = models.BigIntegerField(null=True)
    broken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                name="a_trail_has_one_check",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(broken=None, broken_at=None)
                | models.Q(broken__isnull=False, broken_at__isnull=False),
                name="a_broken_trail_has_an_instant",
            ),
        ]

    def __str__(self) -> str:
        return f"trail of {self.tenant_id} up to {self.number}"


class StaffVisit(models.Model):
    """That one of the billing staff opened pages of a tenant, once a day (in UTC).

    `recorded_at` is empty until the audit trail has the entry.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    day = models.DateField()
    seen_at = models.DateTimeField()
    recorded_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["tenant", "id"],
                name="visits_to_record",
                condition=models.Q(recorded_at=None),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "day"], name="a_visit_counts_once_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.tenant_id} on {self.day}"
