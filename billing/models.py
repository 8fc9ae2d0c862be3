"""What is owed and by when, as far as it has to be kept rather than computed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.models import Tenant


class LicenceChange(models.Model):
    """From a day on, a tenant holds these licence keys; they decide what is owed."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    from_on = models.DateField()
    keys = ArrayField(models.CharField(max_length=128), blank=True)
    changed_by = models.CharField(max_length=200)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "from_on"],
                name="a_tenants_licences_change_once_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"from {self.from_on}: {', '.join(self.keys) or 'none'}"


class TenantPeriod(models.Model):
    """A period of a tenant, with the instant from which it is late, kept for good.

    `deadline_at` is computed once, in the zone that the tenant has when the period
    opens, which is kept beside it: a later change of zone is for later periods.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    zone = models.CharField(max_length=64)
    deadline_at = models.DateTimeField()
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period"], name="a_tenants_period_opens_once"
            ),
            models.CheckConstraint(
                condition=models.Q(period__regex=r"^[0-9]{4}-(0[1-9]|1[0-2])$"),
                name="a_period_is_a_year_and_a_month",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}, late from {self.deadline_at}"
