"""Results of access checks: one row for each machine that reported one."""

from django.db import models

from portal.models import Tenant

# Characters of the name of a machine.
MACHINE_CHARACTERS = 100


class AccessResult(models.Model):
    """What the access check of a machine found last, as the machine reported it.

    `machine` is the name that it gave itself. `found` are the probes in the form of
    `usage.usg.client.access_text.as_json`, without its texts. `conclusion` follows from
    them, and was drawn here.
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
