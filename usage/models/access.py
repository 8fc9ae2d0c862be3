"""Results of access checks: one row for each machine that reported one."""

from django.db import models

from portal.models import Tenant

# Most characters of the name of a machine.
MACHINE_CHARACTERS = 100


class AccessResult(models.Model):
    """The last result of the access check of a machine, as the machine reported it.

    `machine` is the name that it reported. `found` holds the probes: the lists `bucket`
    and `service`, with the fields of `usage.usg.client.access_probe.NameProbe`.
    `conclusion` is what the portal concluded from them when it stored the result.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    machine = models.CharField(max_length=MACHINE_CHARACTERS)
    reported_at = models.DateTimeField()
    reported_by = models.CharField(max_length=200)
    conclusion = models.CharField(max_length=20)
    found = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "machine"], name="a_machine_has_one_access_result"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conclusion} of {self.machine}"
