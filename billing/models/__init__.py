"""The models of billing; Django loads all of them with the app."""

from billing.models.lateness import (
    IS_WAIVED,
    Consequence,
    LateFlag,
    SafetyStop,
    VoidReason,
)
from billing.models.mail import (
    CalendarAddress,
    CompleteMail,
    Digest,
    KeyMail,
    LateContact,
    ReceiptMail,
    StatementMail,
    TokenMail,
)
from billing.models.month_end import MonthEndOutcome, MonthEndRun, MonthEndWork
from billing.models.notes import StaffNote
from billing.models.periods import (
    LicenceChange,
    PeriodOutcome,
    PeriodSummary,
    TenantPeriod,
)
from billing.models.reminders import NOW, SAFETY_STOP, TAKES_THE_DAY, Reminder
from billing.models.requests import Excuse, ExcuseKindChoices, LicenceRequest
from billing.models.standings import SummaryCount
from billing.models.statements import (
    CatalogueEntry,
    CatalogueVersion,
    CurrentStatement,
    LicenceKind,
    NumberedUsers,
    Statement,
    StatementCounter,
    StatementMark,
    StatementPdf,
    StatementState,
    UsageDay,
)
from billing.models.summaries import MarkRank, ServerPeriodSummary, SummaryMark

__all__ = [
    "IS_WAIVED",
    "NOW",
    "SAFETY_STOP",
    "TAKES_THE_DAY",
    "CalendarAddress",
    "CatalogueEntry",
    "CatalogueVersion",
    "CompleteMail",
    "Consequence",
    "CurrentStatement",
    "Digest",
    "Excuse",
    "ExcuseKindChoices",
    "KeyMail",
    "LateContact",
    "LateFlag",
    "LicenceChange",
    "LicenceKind",
    "LicenceRequest",
    "MarkRank",
    "MonthEndOutcome",
    "MonthEndRun",
    "MonthEndWork",
    "NumberedUsers",
    "PeriodOutcome",
    "PeriodSummary",
    "ReceiptMail",
    "Reminder",
    "SafetyStop",
    "ServerPeriodSummary",
    "StaffNote",
    "Statement",
    "StatementCounter",
    "StatementMail",
    "StatementMark",
    "StatementPdf",
    "StatementState",
    "SummaryCount",
    "SummaryMark",
    "TenantPeriod",
    "TokenMail",
    "UsageDay",
    "VoidReason",
]
