"""Model of API tokens: a script's access to one tenant."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models.tenants import Tenant


class Scope(models.TextChoices):
    READ = "read", _("read")
    UPLOAD = "upload", _("read and upload")
    MANAGE = "manage", _("read, upload and confirm servers")


class ApiToken(models.Model):
    """A script's key to one tenant; only its hash is stored."""

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
