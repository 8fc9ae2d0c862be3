"""The user model: customers and billing staff who sign in."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from portal.models.clean_text import is_clean_line
from portal.typed_text.clean import mail_address


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=mail_address(username or ""))


class StaffRole(models.TextChoices):
    CLERK = "clerk", _("billing clerk")
    AUDITOR = "auditor", _("auditor")


class User(AbstractBaseUser):
    """A person. Memberships link to tenants; `staff_role` opens the billing desk."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    staff_role = models.CharField(
        max_length=10, choices=StaffRole, blank=True, default=""
    )
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    # The zone in which this person wants to read times too; empty: the tenant's alone.
    zone = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Whether this member of the billing staff gets the digest mail each morning.
    gets_digest = models.BooleanField(default=False, db_default=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [
            is_clean_line("name", name="a_person_name_is_one_clean_line"),
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
