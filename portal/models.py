"""The things that every door needs: people, tenants, tokens, the audit trail."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class StaffRole(models.TextChoices):
    CLERK = "clerk", _("billing clerk")
    AUDITOR = "auditor", _("auditor")


class User(AbstractBaseUser):
    """A person. Tenants come by membership; `staff_role` opens the billing desk."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    staff_role = models.CharField(
        max_length=10, choices=StaffRole, blank=True, default=""
    )
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    # Whether one of the billing staff gets a mail each morning of what there is to do.
    gets_digest = models.BooleanField(default=False, db_default=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")),
                name="an_address_is_kept_in_lower_case",
            ),
            models.CheckConstraint(
                condition=models.Q(staff_role__in=["", *StaffRole.values]),
                name="a_staff_role_is_a_known_one",
            ),
        ]

    def __str__(self) -> str:
        return self.email


class Tenant(models.Model):
    """A customer; `number` is the customer number that usage files name."""

    number = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    zone = models.CharField(max_length=64)
    first_owed_on = models.DateField()
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    # Whom the late mails go to as well, empty: nobody else.
    escalation_address = models.EmailField(blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
                name="a_customer_number_is_plain_letters_and_digits",
                violation_error_message=_(
                    "A customer number is made of letters, digits, dots, dashes and"
                    " underscores."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"


class Role(models.TextChoices):
    ADMIN = "admin", _("tenant admin")
    UPLOADER = "uploader", _("uploader")
    VIEWER = "viewer", _("viewer")


class Membership(models.Model):
    """What a person may do for a tenant; a partner has several."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role)
    # Whether reminders go to this person; None: as the role has it (admins get them).
    gets_reminders = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tenant"], name="a_person_has_one_role_in_a_tenant"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values),
                name="a_member_role_is_a_known_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.tenant_id}: {self.role}"


class Scope(models.TextChoices):
    READ = "read", _("read")
    UPLOAD = "upload", _("read and upload")
    MANAGE = "manage", _("read, upload and confirm servers")


class ApiToken(models.Model):
    """A script's key to one tenant; only its hash is here."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    name = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=32, unique=True)
    scope = models.CharField(max_length=10, choices=Scope)
    made_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope__in=Scope.values),
                name="a_scope_is_a_known_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"


class AuditEntry(models.Model):
    """One link of a tenant's audit trail; the trail without tenant is the staff's.

    Written only by `portal.audit.append`; no role may change or remove a row.
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


class MailStop(models.Model):
    """Staff have stopped all mail that nobody has asked for; `ended_at` None: still."""

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
    """Which database may send mail, so that a restored copy of it does not.

    `database` names the very tables (`portal.mailing`), `mark` is what a file in VAR
    says too. Of a database that was restored and told to go on, nothing that was due up
    to `restored_at` is sent: it may have been sent before.
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
