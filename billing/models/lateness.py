"""Late flags, one for each tenant, period and deadline, and safety stops."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.models import Tenant


class VoidReason(models.TextChoices):
    PROVED_WRONG = "proved-wrong", _("what came later proved that nothing was late")
    EXTENDED = "extended", _("the deadline was extended")


class Consequence(models.TextChoices):
    NONE = "none", _("none")
    PENALTY = "penalty", _("penalty")
    DISABLEMENT = "disablement", _("disablement requested")


# A flag that is not void, and of which staff have waived every day.
IS_WAIVED = Q(voided_at=None) & Q(still__contained_by=F("waived"))


class LateFlag(models.Model):
    """A flag that a tenant was late, as it was known an hour after the deadline.

    `evidence` are server-days as "2026-05-07 IC01", never changed afterwards; `still`
    are those of them, and of later ones, that make late now. Voided, completed,
    waived and decided are independent facts with their instants; `decided` are the
    days that were there as somebody decided. A flag is open while it is not voided and
    `still` has days that are not in `waived`, and to be decided while it has some that
    are not in `decided` either. `told_at` is when the flag was recorded in the
    tenant's audit trail.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    deadline_at = models.DateTimeField()
    raised_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    evidence = ArrayField(models.CharField(max_length=300))
    still = ArrayField(models.CharField(max_length=300))

    voided_at = models.DateTimeField(null=True)
    void_reason = models.CharField(
        max_length=20, choices=VoidReason, blank=True, default="", db_default=""
    )
    completed_at = models.DateTimeField(null=True)

    waived = ArrayField(models.CharField(max_length=300), default=list, db_default=[])
    waived_at = models.DateTimeField(null=True)
    waived_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    waive_reason = models.CharField(
        max_length=1_000, blank=True, default="", db_default=""
    )

    consequence = models.CharField(
        max_length=20, choices=Consequence, blank=True, default="", db_default=""
    )
    decided = ArrayField(models.CharField(max_length=300), default=list, db_default=[])
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    decision_reason = models.CharField(
        max_length=1_000, blank=True, default="", db_default=""
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period", "deadline_at"],
                name="a_deadline_is_missed_once",
            ),
            models.CheckConstraint(
                condition=~Q(evidence=[]), name="a_late_flag_has_its_evidence"
            ),
            models.CheckConstraint(
                condition=Q(voided_at=None, void_reason="")
                | Q(voided_at__isnull=False, void_reason__in=VoidReason.values),
                name="a_flag_is_voided_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(consequence="", decided_at=None)
                | Q(consequence__in=Consequence.values, decided_at__isnull=False),
                name="a_consequence_is_decided_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["period", "tenant"], name="late_flags_of_a_period"),
            models.Index(fields=["-raised_at", "id"], name="late_flags_newest_first"),
            models.Index(
                fields=["tenant"],
                condition=Q(told_at=None),
                name="late_flags_to_be_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}, late since {self.deadline_at}"

    @property
    def open_days(self) -> list[str]:
        """The server-days that are not waived."""
        if self.voided_at is not None:
            return []
        waived = set(self.waived)
        return [one for one in self.still if one not in waived]

    @property
    def undecided_days(self) -> list[str]:
        """The open server-days on which nobody has decided."""
        decided = set(self.decided)
        return [one for one in self.open_days if one not in decided]

    @property
    def answer(self) -> str:
        """The staff's decision on all days of the flag, a code; empty if none, or void.

        A tenant with a decision is reminded no more. Days that are added later reopen
        the flag.
        """
        if self.voided_at is not None or self.undecided_days:
            return ""
        return "decided" if self.open_days else "waived"


class SafetyStop(models.Model):
    """A run that would have flagged far more tenants than usual, held for the staff.

    `found` tenants were to be flagged for a period, `usual` is the mean of the last
    three; nothing of the period is flagged, and no late mail sent, until somebody
    releases it. `released_for` are the ids of the tenants that were listed then:
    only these are flagged, and others stop the period again. None: for all tenants.
    """

    period = models.CharField(max_length=7, unique=True)
    found = models.PositiveIntegerField()
    usual = models.FloatField()
    raised_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=200, blank=True, default="")
    reason = models.CharField(max_length=1_000, blank=True, default="")
    released_for = ArrayField(models.BigIntegerField(), null=True)

    def __str__(self) -> str:
        return f"{self.period}: {self.found} instead of {self.usual}"
