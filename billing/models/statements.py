"""Usage of days, current and issued statements, marks of stale ones, catalogue."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.approvals import REASON_CHARACTERS
from portal.models import Tenant


class NumberedUsers(models.Model):
    """Users of a tenant in the order of their numbers, from `first_number` on.

    `keys` has 16 bytes for each user: the keyed hash of the folded name. `alike` has 16
    bytes for each: the keyed hash of the name without a domain. A number is never given
    to another user, because the bitmaps in `UsageDay` refer to it.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    first_number = models.PositiveIntegerField()
    keys = models.BinaryField()
    alike = models.BinaryField()

    class Meta:
        verbose_name_plural = "numbered users"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "first_number"], name="a_user_number_is_given_once"
            ),
        ]

    def __str__(self) -> str:
        return f"users from {self.first_number}"


class UsageDay(models.Model):
    """The usage of one local day that the files of one period contribute to.

    `usage` is an encoded `billing.statements.compute.days.DayUsage`. It was computed
    from exactly what `inputs_sha256` covers (`billing.statements.inputs`);
    `licence_keys` are those that its rows hold. `unreadable` are files that did not
    open and are not in it.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    day = models.DateField()
    inputs_sha256 = models.BinaryField(max_length=32)
    licence_keys = ArrayField(models.CharField(max_length=128))
    unreadable: "ArrayField[list[UUID], list[UUID]]" = ArrayField(models.UUIDField())
    usage = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period", "day"], name="a_day_has_one_usage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period}: {self.day}"


class StatementState(models.TextChoices):
    """The state of the current statement of a period."""

    PROVISIONAL = "provisional", _("provisional")
    """No version has been issued."""

    DRAFT = "draft", _("draft")
    """It differs from the last issued version."""

    ISSUED = "issued", _("issued")
    """It is the last issued version."""


class CurrentStatement(models.Model):
    """The statement of a period by the facts known now, one row for each period.

    `figures` are the parts of the statement that its hash covers, as JSON;
    `differences` are those from the last issued version. `files` is the list of the
    files that it was computed from, as JSON. `generation` is that of the newest mark
    that it includes. It is stale after `fresh_until`, when a pending day or the period
    ends. `unreadable` are SHA-256 digests of files that did not open. Counts, peaks and
    `overview` (see `billing.statements.overview`) repeat figures, for lists and
    comparisons; `lacking` is that of `billing.statements.completeness`.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    generation = models.BigIntegerField()
    version = models.PositiveIntegerField()
    built_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=StatementState)
    figures_sha256 = models.CharField(max_length=64)
    figures = models.BinaryField()
    overview = models.JSONField()
    files = models.BinaryField()
    rules = models.PositiveSmallIntegerField()
    catalogue = models.PositiveIntegerField()
    differences = models.JSONField(default=list)
    unclassified = ArrayField(models.CharField(max_length=128))
    unreadable = ArrayField(models.CharField(max_length=64))
    owed = models.PositiveIntegerField()
    file_count = models.PositiveIntegerField()
    agent_peak = models.PositiveIntegerField()
    business_peak = models.PositiveIntegerField()
    lacking = models.PositiveIntegerField()
    pending = models.PositiveIntegerField()
    is_over = models.BooleanField()
    computed_at = models.DateTimeField()
    fresh_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period"], name="a_period_has_one_current_statement"
            ),
        ]
        indexes = [
            models.Index(
                fields=["period"],
                condition=Q(fresh_until__isnull=False),
                name="statements_that_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} ({self.state})"


class StatementMark(models.Model):
    """A mark that statements of a tenant are stale, as `SummaryMark` is of summaries.

    All instants are those of the database's clock. `problem` is the reason why the last
    attempt failed; empty if it did not.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT)
    first_period = models.CharField(max_length=7)
    last_period = models.CharField(max_length=7)
    generation = models.BigIntegerField()
    marked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    leased_until = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True, default="", db_default="")

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="statement_marks_by_due")]

    def __str__(self) -> str:
        return f"{self.first_period} to {self.last_period} since {self.marked_at}"


class Statement(models.Model):
    """An issued version of a statement. A trigger refuses every change of it.

    `document`, `csv` and `focus_csv` are served byte for byte, as is `files`, the list
    of the files that it was computed from. `overview` repeats figures of the document,
    for lists and comparisons. `position` numbers all versions of all
    tenants in the order in which they were committed, without gaps.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    period = models.CharField(max_length=7)
    version = models.PositiveIntegerField()
    number = models.CharField(max_length=100, unique=True)
    position = models.PositiveBigIntegerField(unique=True)
    issued_at = models.DateTimeField()
    issued_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=REASON_CHARACTERS, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by"
    )
    figures_sha256 = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    overview = models.JSONField()
    document = models.BinaryField()
    csv = models.BinaryField()
    csv_sha256 = models.CharField(max_length=64)
    focus_csv = models.BinaryField()
    focus_csv_sha256 = models.CharField(max_length=64)
    files = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "period", "version"], name="a_version_is_issued_once"
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="a_statement_can_be_named_with_its_tenant"
            ),
            models.CheckConstraint(
                condition=Q(version=1, replaces=None)
                | Q(version__gt=1, replaces__isnull=False),
                name="a_later_version_replaces_one",
            ),
            models.CheckConstraint(
                condition=Q(version=1) | ~Q(reason=""),
                name="a_later_version_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class StatementPdf(models.Model):
    """The PDF of an issued version, typeset once and served byte for byte.

    A trigger refuses every change of it. Versions that were issued before there were
    PDFs get theirs when somebody asks for it.
    """

    statement = models.OneToOneField(
        Statement, on_delete=models.PROTECT, related_name="pdf"
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        verbose_name = "statement as PDF"
        verbose_name_plural = "statements as PDF"

    def __str__(self) -> str:
        return f"PDF {self.sha256[:12]}"


class StatementCounter(models.Model):
    """The last position given to an issued version; a single row."""

    last = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return str(self.last)


class LicenceKind(models.TextChoices):
    """The kind of a licence key; see `billing.statements.compute.catalogue`."""

    AGENT = "agent", _("Agent")
    BUSINESS = "business", _("Business User")
    ADD_ON = "add_on", _("add-on of an Agent")
    IGNORED = "ignored", _("not counted")


class CatalogueVersion(models.Model):
    """A version of the catalogue; of those valid in a period the last one applies."""

    number = models.PositiveIntegerField(unique=True)
    valid_from = models.CharField(max_length=7)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=REASON_CHARACTERS)

    def __str__(self) -> str:
        return f"version {self.number}, from {self.valid_from}"


class CatalogueEntry(models.Model):
    """The kind of a licence key in a version of the catalogue."""

    version = models.ForeignKey(
        CatalogueVersion, on_delete=models.PROTECT, related_name="entries"
    )
    licence_key = models.CharField(max_length=128)
    kind = models.CharField(max_length=10, choices=LicenceKind)

    class Meta:
        verbose_name_plural = "catalogue entries"
        constraints = [
            models.UniqueConstraint(
                fields=["version", "licence_key"], name="a_key_is_classified_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=LicenceKind.values), name="a_kind_is_a_known_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.licence_key}: {self.kind}"
