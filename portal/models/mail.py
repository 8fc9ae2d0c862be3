"""Models of mail: mails about accounts, the stop set by staff, the stamp of a copy."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from portal.models.tenants import Tenant


class AccountMailKind(models.TextChoices):
    """The kinds of mails about an account, named as their templates."""

    NEW_PASSWORD = "new-password", _("Link for a new password")
    # Queued by versions before invitations; some may still wait for their mail server.
    FIRST_PASSWORD = "first-password", _("Link for the first password")
    PASSWORD_CHANGED = "password-changed", _("Password changed")
    INVITATION = "invitation", _("Invitation")
    NEW_MEMBER = "new-member", _("New member")
    ADDRESS_LINK = "address-link", _("Link for a new mail address")
    ADDRESS_CHANGED = "address-changed", _("Mail address changed")
    CONTACT_LINK = "contact-link", _("Link for the contact for late mails")
    SETUP_FILE = "setup-file", _("Server set-up handed over")
    FACTOR_ADDED = "factor-added", _("Second factor added")
    FACTOR_REMOVED = "factor-removed", _("Second factor removed")
    FACTORS_RESET = "factors-reset", _("Second factors reset")
    RECOVERY_CODES_MADE = "recovery-codes-made", _("New recovery codes")
    RECOVERY_CODE_USED = "recovery-code-used", _("Recovery code used")
    NEW_BROWSER = "new-browser", _("Signed in with a new browser")


class AccountMail(models.Model):
    """A mail about somebody's account, as a job row.

    Neither its text nor its link is ever stored: both are made when the mail is sent.
    `recipient` is the address as it was typed: a request for a new password is stored
    for any address, and who has it is looked up when the mail is sent. `outcome` is one
    of `portal.mail.outbox.MailOutcome`, empty while it waits; `problem` is the code of
    the reason. `begun_at` is stored before the mail is handed over. `tenant` is set for
    mails about people of a tenant, which may see how theirs fare; `about` is the id of
    the row that a link is for, and `details` what the text names.
    """

    kind = models.CharField(max_length=20, choices=AccountMailKind)
    recipient = models.EmailField()
    # Who has added a new person or reset their factors; from where a link was
    # requested, a password or factor changed, or somebody signed in, and the browser.
    invited_by = models.CharField(max_length=200, blank=True, default="")
    ip = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=300, blank=True, default="", db_default="")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True)
    about = models.BigIntegerField(null=True)
    # Without a default of the database, which the application would read back.
    details = models.JSONField(default=dict, null=True)
    # The clock of the database: the sign-in library requests mails without an instant.
    planned_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    begun_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, blank=True, default="")
    problem = models.CharField(max_length=60, blank=True, default="")
    message_id = models.CharField(max_length=400, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    # Mails of other kinds store these, and the pages of mails read them.
    subject = text = html = ""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=AccountMailKind.values),
                name="an_account_mail_is_of_a_known_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="", ended_at=None)
                | models.Q(
                    outcome__in=["sent", "failed", "unsure", "unneeded"],
                    ended_at__isnull=False,
                ),
                name="an_account_mail_ends_with_an_outcome",
            ),
            models.CheckConstraint(
                condition=~models.Q(outcome__in=["sent", "unsure"])
                | models.Q(begun_at__isnull=False),
                name="an_account_mail_that_was_sent_was_begun_before",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(outcome=""),
                name="account_mails_waiting",
            ),
            models.Index(fields=["-planned_at", "-id"], name="account_mails_newest"),
            models.Index(
                fields=["kind", "about", "-planned_at"], name="account_mails_about"
            ),
            models.Index(
                fields=["recipient", "kind", "planned_at"], name="account_mails_to_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient} ({self.shown_state})"

    @property
    def shown_state(self) -> str:
        """The state that is shown to people, as a code."""
        return self.outcome or ("sending" if self.begun_at else "waiting")


class MailStop(models.Model):
    """A stop of all mail that nobody has requested; ended when `ended_at` is set."""

    stopped_at = models.DateTimeField()
    stopped_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=1_000)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=200, blank=True, default="")
    ended_reason = models.CharField(max_length=1_000, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(ended_at=None),
                name="mail_is_stopped_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="mail_is_stopped_for_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stopped_at}: {self.reason}"


class MailStamp(models.Model):
    """The database that may send mail, so that a restored copy of it does not.

    `database` identifies the very tables (`portal.mail.switch`), and a file in VAR
    repeats `mark`. After an operator has confirmed a restored database, nothing that
    was due up to `restored_at` is sent: it may have been sent before.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    mark = models.UUIDField()
    database = models.CharField(max_length=200)
    restored_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(id=1), name="there_is_one_stamp_for_mail"
            ),
        ]

    def __str__(self) -> str:
        return self.database
