"""Models of tenants (customers) and memberships, with the role of each person."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Concat, Upper
from django.utils.translation import gettext_lazy as _

from portal.models.clean_text import is_clean_line
from portal.models.identity import User


class Tenant(models.Model):
    """A customer; `number` is the customer number that usage files name.

    `search_text` is what a search by a part of name or number looks through: both in
    upper case, a line each.
    """

    number = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    zone = models.CharField(max_length=64)
    first_owed_on = models.DateField()
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    # An additional recipient of the late mails; empty: none.
    escalation_address = models.EmailField(blank=True, default="", db_default="")
    # Whether people of this tenant need a second factor; staff always do.
    requires_second_factor = models.BooleanField(default=False, db_default=False)
    search_text = models.GeneratedField(
        expression=Upper(Concat("name", models.Value("\n"), "number")),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            is_clean_line("name", name="a_tenant_name_is_one_clean_line"),
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
                name="a_customer_number_is_plain_letters_and_digits",
                violation_error_message=_(
                    "A customer number is made of letters, digits, dots, dashes and"
                    " underscores."
                ),
            ),
        ]
        indexes = [
            GinIndex(
                fields=["search_text"],
                opclasses=["gin_trgm_ops"],
                name="tenants_searched",
            ),
            models.Index(fields=["name", "number"], name="tenants_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"


class Role(models.TextChoices):
    ADMIN = "admin", _("tenant admin")
    UPLOADER = "uploader", _("uploader")
    VIEWER = "viewer", _("viewer")


class Membership(models.Model):
    """The role of a person in a tenant; a partner has several."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role)
    # Whether reminders go to this person; None: as the role has it (admins get them).
    gets_reminders = models.BooleanField(null=True)
    # Whether a mail goes to this person when a statement is issued; None as above.
    gets_statements = models.BooleanField(null=True)
    # The complete period that this person has dismissed from the home page.
    dismissed_period = models.CharField(
        max_length=7, blank=True, default="", db_default=""
    )

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
