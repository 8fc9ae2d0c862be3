"""Mails about receipts and statements, digests, private addresses of calendars."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from portal.mail.outbox import MailJob, MailOutcome, StoredMail
from portal.models import ApiToken, Tenant, User


class ReceiptMail(MailJob):
    """The mail with the receipt of a batch, once a day for the same files.

    `digest` is the SHA-256 over the sorted ids in `files`; `day` is of the tenant's
    zone. `missing` is how many of the requested files were not there. A receipt of many
    files is several mails: `part` of `parts`, from 1.
    """

    files = ArrayField(models.UUIDField())
    digest = models.BinaryField()
    day = models.DateField()
    missing = models.PositiveIntegerField(default=0)
    part = models.PositiveSmallIntegerField(default=1, db_default=1)
    parts = models.PositiveSmallIntegerField(default=1, db_default=1)

    class Meta(MailJob.Meta):
        constraints = [
            *MailJob.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "recipient", "digest", "day"],
                name="a_receipt_is_mailed_once_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"receipt to {self.recipient} ({self.shown_state})"


class StatementMail(MailJob):
    """The mail about an issued version of a statement, once to each recipient.

    The database refuses a row about a version that the tenant does not have.
    """

    period = models.CharField(max_length=7)
    version = models.PositiveIntegerField()

    class Meta(MailJob.Meta):
        constraints = [
            *MailJob.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "recipient", "period", "version"],
                name="a_version_is_mailed_once_to_each_recipient",
            ),
        ]

    def __str__(self) -> str:
        about = f"{self.period} version {self.version}"
        return f"{about} to {self.recipient} ({self.shown_state})"


class KeyMail(MailJob):
    """The mail about a server key that nobody has confirmed, once to each admin.

    It is sent only if files wait for the key that no admin has uploaded by hand. Keys
    that wait at the same time are in one row's mail; the other rows end as unneeded.
    """

    server = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=32)

    class Meta(MailJob.Meta):
        constraints = [
            *MailJob.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "recipient", "server", "fingerprint"],
                name="a_server_key_is_mailed_once_to_each_recipient",
            ),
        ]

    def __str__(self) -> str:
        return f"key of {self.server} to {self.recipient} ({self.shown_state})"


class TokenMail(MailJob):
    """The mail that an API token is about to expire, once to each admin.

    It is sent only if the token is used, and neither replaced nor revoked.
    """

    token = models.ForeignKey(ApiToken, on_delete=models.PROTECT)

    class Meta(MailJob.Meta):
        constraints = [
            *MailJob.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "recipient", "token"],
                name="an_expiring_token_is_mailed_once_to_each_recipient",
            ),
        ]

    def __str__(self) -> str:
        return f"token {self.token_id} to {self.recipient} ({self.shown_state})"


class CompleteMail(MailJob):
    """The mail that a period is complete, once to each who was reminded of it.

    A mail that was not sent because the period was incomplete again is planned again
    once the period is complete.
    """

    period = models.CharField(max_length=7)

    class Meta(MailJob.Meta):
        constraints = [
            *MailJob.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "recipient", "period"],
                name="a_complete_period_is_mailed_once_to_each_recipient",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} complete to {self.recipient} ({self.shown_state})"


class Digest(StoredMail):
    """The morning's mail to one of the billing staff; it belongs to no tenant.

    The row is written, as begun, before the mail is handed over. So nobody gets two
    digests, and one that the mail server never answered stays as it is: the next
    morning has a newer one.
    """

    day = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "day"], name="a_digest_is_mailed_once_a_day"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", *MailOutcome.values]),
                name="a_digest_ends_with_a_known_outcome",
            ),
        ]
        indexes = [
            models.Index(fields=["-planned_at", "-id"], name="digests_newest"),
        ]

    def __str__(self) -> str:
        return f"digest of {self.day} to {self.recipient} ({self.shown_state})"


class CalendarAddress(models.Model):
    """The private address of a member's calendar of deadlines, kept as a hash.

    Anybody who has the address can read the tenant's deadlines, as long as the user is
    a member.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    digest = models.BinaryField(max_length=32, unique=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"], name="a_member_has_one_calendar_address"
            ),
        ]

    def __str__(self) -> str:
        return f"calendar of {self.tenant_id} for {self.user_id}"


class LateContact(models.Model):
    """An address that is to get late mails, until a link to it is confirmed.

    A confirmed address is stored with the tenant (`Tenant.escalation_address`); only
    that one gets mails. `digest` is the SHA-256 of the secret in the link, None until
    the mail is sent. `ended_at` without `confirmed_at`: another choice has replaced it.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    address = models.EmailField()
    chosen_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    digest = models.BinaryField(max_length=32, null=True, unique=True)
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(ended_at=None),
                name="a_tenant_has_one_unconfirmed_contact",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None)
                | Q(ended_at=models.F("confirmed_at"), digest__isnull=False),
                name="a_confirmed_contact_waits_no_more",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} for {self.tenant_id}"
