"""Models of API tokens, a script's access to one tenant, and of request limits."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models.identity import User
from portal.models.tenants import Tenant

# Characters of an IP address as text, and of a network with its length.
ADDRESS_CHARACTERS = 45
NETWORK_CHARACTERS = 43

# Network ranges of one token: an office, a data centre and their spares. Each request
# is compared with all of them.
NETWORKS_AT_MOST = 20

# Characters of a server's name, as in usage files.
_SERVER_CHARACTERS = 128


class Scope(models.TextChoices):
    READ = "read", _("read")
    UPLOAD = "upload", _("read and upload")


class ApiToken(models.Model):
    """A script's key to one tenant; only its hash is stored.

    `server` is the only server whose files the token may send, by its name in usage
    files; empty if there is no such limit. `networks` are the ranges that it may be
    used from, all if there are none. `expires_at` is None for tokens created before
    tokens had an expiry. `replaced_by` is the token that took its place, which has the
    same name and limits. `made_by_user` is the member who made it, and None where
    billing staff, a command or an update did. `form_key` is of the form that made it,
    so that one form makes one token. `last_used_at` and `last_used_from` are exact to
    some minutes, as are `refused_at` and `refused_from`, of the last request from
    outside its networks.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    name = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=32, unique=True)
    scope = models.CharField(max_length=10, choices=Scope)
    server = models.CharField(
        max_length=_SERVER_CHARACTERS, blank=True, default="", db_default=""
    )
    networks = ArrayField(
        models.CharField(max_length=NETWORK_CHARACTERS), default=list, db_default=[]
    )
    made_by = models.CharField(max_length=200)
    made_by_user = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    form_key = models.UUIDField(null=True, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    replaced_by = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaces"
    )
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(
        max_length=ADDRESS_CHARACTERS, blank=True, default="", db_default=""
    )
    refused_at = models.DateTimeField(null=True)
    refused_from = models.CharField(
        max_length=ADDRESS_CHARACTERS, blank=True, default="", db_default=""
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope__in=Scope.values),
                name="a_scope_is_a_known_one",
            ),
            models.CheckConstraint(
                condition=Q(server="") | Q(scope=Scope.UPLOAD),
                name="a_token_of_a_server_uploads",
            ),
            models.CheckConstraint(
                condition=Q(networks__len__lte=NETWORKS_AT_MOST),
                name="a_token_has_few_networks",
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="a_token_can_be_named_with_its_tenant"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(revoked_at=None, replaced_by=None),
                name="tokens_that_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"


class RequestLevel(models.Model):
    """How many requests a token or a network may still send, shared by all processes.

    `key` is the hash of whose requests are counted. See
    `portal.accounts.request_limits`.
    """

    key = models.BinaryField(max_length=32, primary_key=True)
    level = models.FloatField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.level:.0f} at {self.at}"
