"""Models of the portal app; Django loads all of them with the app."""

from portal.models.audit import AuditEntry, StaffVisit, TrailCheck
from portal.models.identity import StaffRole, User
from portal.models.mail import AccountMail, AccountMailKind, MailStamp, MailStop
from portal.models.people import AddressChange, Invitation
from portal.models.second_factors import FactorReset, FactorTries
from portal.models.security_events import EventKind, SecurityEvent
from portal.models.sessions import Session
from portal.models.tenants import Membership, Role, Tenant
from portal.models.tokens import (
    ADDRESS_CHARACTERS,
    NETWORKS_AT_MOST,
    ApiToken,
    RequestLevel,
    Scope,
)

__all__ = [
    "ADDRESS_CHARACTERS",
    "NETWORKS_AT_MOST",
    "AccountMail",
    "AccountMailKind",
    "AddressChange",
    "ApiToken",
    "AuditEntry",
    "EventKind",
    "FactorReset",
    "FactorTries",
    "Invitation",
    "MailStamp",
    "MailStop",
    "Membership",
    "RequestLevel",
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
