"""Models of the portal app; Django loads all of them with the app."""

from portal.models.audit import AuditEntry
from portal.models.identity import StaffRole, User
from portal.models.mail import AccountMail, AccountMailKind, MailStamp, MailStop
from portal.models.tenants import Membership, Role, Tenant
from portal.models.tokens import ApiToken, Scope

__all__ = [
    "AccountMail",
    "AccountMailKind",
    "ApiToken",
    "AuditEntry",
    "MailStamp",
    "MailStop",
    "Membership",
    "Role",
    "Scope",
    "StaffRole",
    "Tenant",
    "User",
]
