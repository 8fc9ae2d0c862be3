"""The caller of a request: a person or a script, acting for a tenant."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.accounts.sign_in_facts import (
    PresentedFactors,
    has_second_factor,
    is_staff_bound,
)
from portal.models import ApiToken, Membership, Role, Scope, StaffRole, User


class Permission(StrEnum):
    """The permissions that an endpoint can require."""

    READ = "read"
    """See the tenant's files and calendar."""

    ASK = "ask"
    """Ask by content which files the portal needs."""

    UPLOAD = "upload"
    """Upload files."""

    MANAGE = "manage"
    """Confirm servers, make tokens, invite people."""

    STATEMENTS = "statements"
    """See statements: the tenant's own, or as staff those of all tenants."""

    EVIDENCE = "evidence"
    """Download what a statement was computed from, row by row."""

    NAMES = "names"
    """List the users of the caller's tenant by name, from its usage files."""

    STAFF_READ = "staff-read"
    """See all tenants."""

    STAFF_ACT = "staff-act"
    """Decide for all tenants."""


_VIEWER = frozenset({Permission.READ, Permission.ASK, Permission.STATEMENTS})
_UPLOADER = _VIEWER | {Permission.UPLOAD}
_AUDITOR = frozenset(
    {Permission.STAFF_READ, Permission.STATEMENTS, Permission.EVIDENCE}
)

_BY_ROLE: dict[str, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.UPLOADER: _UPLOADER,
    Role.ADMIN: _UPLOADER | {Permission.MANAGE, Permission.EVIDENCE, Permission.NAMES},
}
_BY_SCOPE: dict[str, frozenset[Permission]] = {
    Scope.READ: _BY_ROLE[Role.VIEWER],
    # Managing and listing names are for signed-in people, never for a token.
    Scope.UPLOAD: _BY_ROLE[Role.UPLOADER],
}
# What a sender needs. A token of one server reads nothing of the others.
_OF_ONE_SERVER = frozenset({Permission.ASK, Permission.UPLOAD})
_BY_STAFF_ROLE: dict[str, frozenset[Permission]] = {
    "": frozenset(),
    StaffRole.AUDITOR: _AUDITOR,
    StaffRole.CLERK: _AUDITOR | {Permission.STAFF_ACT},
}

# The session key of the tenant that the person acts for at the moment.
SESSION_TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Caller:
    """The person or script behind a request; `tenant_id` None: member of no tenant.

    `memberships` counts the tenants that somebody belongs to. `proven_at` is when a
    person last presented the strongest factor that they have; `lacks_factor` says that
    their second factor is missing in the session, or not set up though it is required.
    `token_server` is the
    only server whose files a token may send, empty for all.
    """

    name: str
    tenant_id: int | None
    permissions: frozenset[Permission]
    user_id: int | None = None
    token_id: int | None = None
    memberships: int = 0
    proven_at: datetime | None = None
    lacks_factor: bool = False
    token_server: str = ""

    @property
    def tenant(self) -> int:
        """The tenant's id, for endpoints that require a member."""
        if self.tenant_id is None:
            message = "This endpoint needs a tenant, but admitted a caller without one."
            raise RuntimeError(message)
        return self.tenant_id


def token_caller(token: ApiToken) -> Caller:
    """Return the caller of a token: its tenant, its scope, no person."""
    permissions = _BY_SCOPE[token.scope]
    return Caller(
        name=f"token {token.name}",
        tenant_id=token.tenant_id,
        permissions=permissions & _OF_ONE_SERVER if token.server else permissions,
        token_id=token.pk,
        token_server=token.server,
    )


def user_caller(
    user: User, *, wanted_tenant: int | None, presented: PresentedFactors
) -> Caller:
    """Return the person as a member of the wanted tenant, or of their first one.

    Reads the memberships anew each time: a membership that ended has ended at once.
    """
    found = list(
        Membership.objects.filter(user=user)
        .order_by("tenant_id")
        .values_list("tenant_id", "role", "tenant__requires_second_factor")
    )
    roles = {tenant_id: role for tenant_id, role, _ in found}
    tenant_id = wanted_tenant if wanted_tenant in roles else next(iter(roles), None)
    permissions = _BY_STAFF_ROLE[user.staff_role]
    if tenant_id is not None:
        permissions |= _BY_ROLE[roles[tenant_id]]
    # A session with a second factor needs no look at the factors that there are.
    has_second = presented.second_at is not None or has_second_factor(user.pk)
    is_bound = is_staff_bound(user) or any(is_required for *_, is_required in found)
    return Caller(
        name=user.email,
        tenant_id=tenant_id,
        permissions=permissions,
        user_id=user.pk,
        memberships=len(roles),
        proven_at=presented.second_at if has_second else presented.first_at,
        lacks_factor=presented.second_at is None and (has_second or is_bound),
    )
