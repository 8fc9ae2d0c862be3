"""Models of the portal app; Django loads all of them with the app."""

from portal.models.audit import AuditEntry, StaffVisit, TrailCheck
from portal.models.identity import StaffRole, User
from portal.models.mail import AccountMail, AccountMailKind, MailStamp, MailStop
from portal.models.security_events import EventKind, SecurityEvent
from portal.models.sessions import Session
from portal.models.tenants import Membership, Role, Tenant
from portal.models.tokens import ApiToken, Scope

__all__ = [
    "AccountMail",
    "AccountMailKind",
    "ApiToken",
    "AuditEntry",
    "EventKind",
    "MailStamp",
    "MailStop",
    "Membership",
    "Role",
    "Scope",
    "SecurityEvent",
    "Session",
    "StaffRole",
    "StaffVisit",
    "Tenant",
    "TrailCheck",
    "User",
]
