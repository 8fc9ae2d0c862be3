"""Models of invitations, and of changes of a person's mail address."""

from django.db import models
from django.db.models.functions import Lower

from portal.models.clean_text import is_clean_line
from portal.models.identity import StaffRole, User
from portal.models.tenants import Role, Tenant

# Bytes of a SHA-256.
_DIGEST = 32


class Invitation(models.Model):
    """An invitation to a role in a tenant, or to one of the billing staff.

    `digest` is the SHA-256 of the secret in the link; None until the first mail is
    sent. A new mail replaces the digest, and with it the link before. `invited_by` is
    None where a command has invited; its text is kept as in the audit trail. `name` is
    what the inviter calls the person, who may choose another one.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True)
    address = models.EmailField()
    name = models.CharField(max_length=200, blank=True, default="")
    role = models.CharField(max_length=10, choices=Role, blank=True, default="")
    staff_role = models.CharField(
        max_length=10, choices=StaffRole, blank=True, default=""
    )
    invited_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+"
    )
    invited_by_text = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    digest = models.BinaryField(max_length=_DIGEST, null=True, unique=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by_text = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "address"],
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                nulls_distinct=False,
                name="an_address_has_one_open_invitation",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    tenant__isnull=False, role__in=Role.values, staff_role=""
                )
                | models.Q(tenant=None, role="", staff_role__in=StaffRole.values),
                name="an_invitation_is_to_a_tenant_or_to_the_staff",
            ),
            models.CheckConstraint(
                condition=models.Q(address=Lower("address")),
                name="an_invited_address_is_in_lower_case",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(withdrawn_at=None),
                name="an_invitation_ends_once",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None, accepted_by=None)
                | models.Q(
                    accepted_at__isnull=False,
                    accepted_by__isnull=False,
                    digest__isnull=False,
                ),
                name="an_invitation_is_accepted_by_a_link_and_a_person",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None, withdrawn_by_text="")
                | (
                    models.Q(withdrawn_at__isnull=False)
                    & ~models.Q(withdrawn_by_text="")
                ),
                name="an_invitation_is_withdrawn_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")),
                name="an_invitation_expires_after_it_is_made",
            ),
            models.CheckConstraint(
                condition=models.Q(name="")
                | models.Q(is_clean_line("name", name="unused").condition),
                name="an_invited_name_is_one_clean_line",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="invitations_of_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.address} to {self.tenant_id or 'staff'}: {self.granted}"

    @property
    def granted(self) -> str:
        """The role that it grants, whose ever it is."""
        return self.role or self.staff_role


class AddressChange(models.Model):
    """A person's wish for another mail address, until a link to it is confirmed.

    `digest` as in an invitation. `ended_at` without `confirmed_at`: another wish has
    replaced it.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    address = models.EmailField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    digest = models.BinaryField(max_length=_DIGEST, null=True, unique=True)
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(ended_at=None),
                name="a_person_has_one_open_change_of_address",
            ),
            models.CheckConstraint(
                condition=models.Q(address=Lower("address")),
                name="a_new_address_is_in_lower_case",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_at=None)
                | models.Q(ended_at=models.F("confirmed_at"), digest__isnull=False),
                name="a_confirmed_change_of_address_has_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} to {self.address}"
