"""The expected answer of each address to each caller, one row per address."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import uuid4

from portal.accounts.caller import Permission
from portal.http.endpoint_types import ANYBODY, SIGNED_IN, TOKENS, Endpoint, Requirement
from portal.http.identify import API
from tests.access.documented import DOCUMENTED
from tests.access.two_companies import (
    BROKEN,
    Ids,
    MatrixCaller,
    TwoCompanies,
    check_body,
)
from tests.builders import digest_header

Body = Callable[[TwoCompanies, str], bytes]

# Every method that means something to somebody, and one that does to nobody.
METHODS = (
    *("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE"),
    *("PROPFIND", "BREW", "POST"),
)


def _nothing(_companies: TwoCompanies, _whose: str) -> bytes:
    return b""


def _same_file(companies: TwoCompanies, whose: str) -> bytes:
    return companies.files[whose]


@dataclass(frozen=True, slots=True)
class Row:
    """One address: its path from the ids of a company, and what it answers.

    `own` for somebody who is let in, about his own company; `foreign`, if that is
    another answer, when the path or the body names what belongs to another.
    """

    path: Callable[[Ids], str]
    own: frozenset[int] = frozenset({200})
    foreign: frozenset[int] | None = None
    body: Body = _nothing
    headers: Mapping[str, str] = field(default_factory=dict)


def _answers(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def _statement_row(address: str) -> Row:
    """Return a row below the address of a statement, which names the tenant."""
    path = f"/api/v1/statements/2026-05{address}"
    return Row(lambda ids: f"{path}?tenant={ids.number}", foreign=_answers(404))


ROWS: Mapping[str, Row] = {
    "healthz": Row(lambda _: "/healthz"),
    "favicon": Row(lambda _: "/favicon.ico", own=_answers(302)),
    "readyz": Row(lambda _: "/readyz"),
    # Without METRICS_TOKEN there is nothing; a token of the API is none.
    "metrics": Row(lambda _: "/metrics", own=_answers(404)),
    # Who is signed in already is sent home.
    "sign-in": Row(lambda _: "/sign-in", own=_answers(200, 302)),
    "signed-in": Row(lambda _: "/signed-in"),
    "sign-out": Row(lambda _: "/sign-out", own=_answers(302)),
    "sign-in-passkey-options": Row(
        lambda _: "/sign-in/passkey/options", own=_answers(200, 429)
    ),
    # Without a passkey; who is signed in already is sent home.
    "sign-in-passkey": Row(lambda _: "/sign-in/passkey", own=_answers(302, 403)),
    # Nobody's sign-in waits for a second factor.
    "second-factor": Row(lambda _: "/second-factor", own=_answers(302)),
    "second-factor-options": Row(lambda _: "/second-factor/options", own=_answers(302)),
    # Whose sign-in is not fresh, or lacks the factor that they have, confirms first.
    "second-factor-set-up": Row(
        lambda _: "/second-factor/set-up", own=_answers(200, 302)
    ),
    "second-factor-set-up-app": Row(
        lambda _: "/second-factor/set-up/app", own=_answers(200, 302, 403)
    ),
    "second-factor-set-up-passkey": Row(
        lambda _: "/second-factor/set-up/passkey", own=_answers(200, 302, 403)
    ),
    "second-factor-set-up-options": Row(
        lambda _: "/second-factor/set-up/passkey/options", own=_answers(200, 302, 403)
    ),
    "second-factor-manage": Row(lambda _: "/second-factor/manage"),
    # These people have no factor that could be changed.
    "second-factor-codes": Row(
        lambda _: "/second-factor/recovery-codes", own=_answers(409)
    ),
    "second-factor-remove": Row(lambda _: "/second-factor/remove", own=_answers(404)),
    "second-factor-rename": Row(lambda _: "/second-factor/rename", own=_answers(422)),
    # An empty password is a wrong one: the form is shown again.
    "confirm-identity": Row(lambda _: "/confirm"),
    "confirm-identity-options": Row(lambda _: "/confirm/options"),
    "forgotten": Row(lambda _: "/forgotten"),
    "forgotten-sent": Row(lambda _: "/forgotten/sent"),
    # Who guesses at links is soon told to wait.
    "new-password": Row(
        lambda ids: f"/new-password/{ids.user}/guessed", own=_answers(200, 429)
    ),
    "change-password": Row(lambda _: "/change-password"),
    # A switch that names no tenant of one's own is not found.
    "sessions-page": Row(lambda _: "/sessions"),
    # It names no session.
    "sessions-end": Row(lambda _: "/sessions/end", own=_answers(404)),
    "security-events": Row(lambda _: "/security-events"),
    "switch": Row(lambda _: "/switch", own=_answers(200, 404)),
    # Billing staff who are nobody's members go on to the tenants.
    "home": Row(lambda _: "/", own=_answers(200, 302)),
    "upload-page": Row(lambda _: "/upload"),
    "period-receipt": Row(lambda _: "/periods/2026-05/receipt?format=csv"),
    # Redirects to the home page.
    "period-dismiss": Row(lambda _: "/periods/2026-05/dismiss", own=_answers(302)),
    # Leads to the newest period with figures.
    "statements-page": Row(lambda _: "/billing-data", own=_answers(302)),
    "statement-page": Row(lambda _: "/billing-data/2026-05"),
    "statement-day": Row(lambda _: "/billing-data/2026-05/days/2026-05-14"),
    # GET leads to the day; the POST has no `line`.
    "statement-users": Row(
        lambda _: "/billing-data/2026-05/days/2026-05-14/users",
        own=_answers(302, 404),
    ),
    # They show their form again; the others name nothing that was asked for.
    "excuses-page": Row(lambda _: "/excuses"),
    "excuses-ask": Row(lambda _: "/excuses/ask", own=_answers(404)),
    "excuses-withdraw": Row(lambda _: "/excuses/withdraw", own=_answers(404)),
    "licences-page": Row(lambda _: "/licences"),
    "licences-ask": Row(lambda _: "/licences/ask"),
    "licences-withdraw": Row(lambda _: "/licences/withdraw", own=_answers(404)),
    "files-page": Row(lambda _: "/files"),
    "files-csv": Row(lambda _: "/files/list.csv"),
    "file-page": Row(lambda ids: f"/files/{ids.accepted}", foreign=_answers(404)),
    "file-receipt": Row(
        lambda ids: f"/files/{ids.held}/receipt?format=csv", foreign=_answers(404)
    ),
    # A receipt of no files.
    "receipt": Row(lambda _: "/files/receipt", own=_answers(422)),
    "uploads-page": Row(lambda _: "/uploads"),
    "upload-run-page": Row(lambda ids: f"/uploads/{ids.upload}", foreign=_answers(404)),
    "upload-run-receipt": Row(
        lambda ids: f"/uploads/{ids.upload}/receipt?format=csv", foreign=_answers(404)
    ),
    "upload-run-mail": Row(
        lambda ids: f"/uploads/{ids.upload}/mail",
        own=_answers(302),
        foreign=_answers(404),
    ),
    # Only the person who began it sees its summary on the page.
    "upload-run-dismiss": Row(
        lambda ids: f"/uploads/{ids.upload}/dismiss",
        own=_answers(302, 404),
        foreign=_answers(404),
    ),
    "safe-to-delete": Row(lambda _: "/safe-to-delete"),
    "safe-csv": Row(lambda _: "/safe-to-delete/list.csv"),
    "safe-sums": Row(lambda _: "/safe-to-delete/SHA256SUMS"),
    "servers-page": Row(lambda _: "/servers"),
    # They name no key and no request; the two others show their form again.
    "servers-confirm-key": Row(lambda _: "/servers/confirm-key", own=_answers(404)),
    "servers-key": Row(
        lambda ids: f"/servers/keys/{ids.server_key}", foreign=_answers(404)
    ),
    # Without a reason nothing is decided, and the page is shown again.
    "servers-refuse-key": Row(
        lambda ids: f"/servers/keys/{ids.server_key}/refuse",
        own=_answers(422),
        foreign=_answers(404),
    ),
    "servers-revoke-key": Row(
        lambda ids: f"/servers/keys/{ids.server_key}/revoke",
        own=_answers(422),
        foreign=_answers(404),
    ),
    "servers-withdraw": Row(lambda _: "/servers/withdraw", own=_answers(404)),
    "servers-change": Row(lambda _: "/servers/change"),
    "servers-register": Row(lambda _: "/servers/register"),
    "access-page": Row(lambda _: "/access"),
    "sender-file": Row(lambda _: "/access/usage-sender.pyz"),
    "sender-script": Row(lambda _: "/access/usage-sender.ps1"),
    "disk-space-page": Row(lambda _: "/disk-space"),
    "disk-space-csv": Row(lambda _: "/disk-space/days.csv"),
    "automation-page": Row(lambda _: "/automation"),
    # It names no server.
    "automation-runs": Row(lambda _: "/automation/runs", own=_answers(404)),
    # An empty form makes no token, and the page says so.
    "token-new": Row(lambda _: "/automation/tokens/new", own=_answers(200, 422)),
    "token-page": Row(
        lambda ids: f"/automation/tokens/{ids.token}", foreign=_answers(404)
    ),
    "token-replace": Row(
        lambda ids: f"/automation/tokens/{ids.token}/replace",
        own=_answers(422),
        foreign=_answers(404),
    ),
    "token-revoke": Row(
        lambda ids: f"/automation/tokens/{ids.token}/revoke",
        own=_answers(302),
        foreign=_answers(404),
    ),
    "people-page": Row(lambda _: "/people"),
    "people-own-mails": Row(lambda _: "/people/own-mails", own=_answers(302)),
    # It names nobody.
    "people-mails": Row(lambda _: "/people/mails", own=_answers(404)),
    # Without an address nobody is invited, and the page says so.
    "people-invite": Row(lambda _: "/people/invite", own=_answers(200, 422)),
    "people-invite-again": Row(
        lambda _: "/people/invitations/1/again", own=_answers(404)
    ),
    "people-invite-withdraw": Row(
        lambda _: "/people/invitations/1/withdraw", own=_answers(404)
    ),
    "people-member": Row(
        lambda ids: f"/people/members/{ids.user}", foreign=_answers(404)
    ),
    # It names no role.
    "people-role": Row(
        lambda ids: f"/people/members/{ids.user}/role", own=_answers(404)
    ),
    "people-remove": Row(lambda _: "/people/members/0/remove", own=_answers(404)),
    "people-reset-factors": Row(
        lambda _: "/people/members/0/reset-factors", own=_answers(404)
    ),
    # Leaving signs out; another caller of the company may be the last one who could.
    "people-leave": Row(lambda _: "/people/leave", own=_answers(200, 302, 422)),
    "people-require-factor": Row(
        lambda _: "/people/second-factor", own=_answers(200, 302)
    ),
    # A link that nobody has.
    "invitation": Row(lambda _: "/invitations/guessed", own=_answers(404)),
    "invitation-accept": Row(
        lambda _: "/invitations/guessed/accept", own=_answers(404)
    ),
    "confirm-contact": Row(lambda _: "/late-contact/guessed", own=_answers(404)),
    # Without a name or an address nothing is changed, and the page says so.
    "profile": Row(lambda _: "/profile", own=_answers(200, 422)),
    "profile-address": Row(lambda _: "/profile/address", own=_answers(200, 422)),
    "confirm-address": Row(lambda _: "/new-address/guessed", own=_answers(404)),
    "people-escalation": Row(lambda _: "/people/late-contact", own=_answers(302)),
    "people-calendar": Row(lambda _: "/people/calendar"),
    "history-page": Row(lambda _: "/people/history"),
    "history-csv": Row(lambda _: "/people/history/list.csv"),
    "member-sessions": Row(
        lambda ids: f"/people/{ids.user}/sessions", foreign=_answers(404)
    ),
    # It names no session.
    "member-sessions-end": Row(
        lambda ids: f"/people/{ids.user}/sessions/end", own=_answers(404)
    ),
    "member-events": Row(lambda _: "/people/security-events"),
    # An address that nobody has.
    "calendar-feed": Row(lambda _: "/calendar/guessed.ics", own=_answers(404)),
    # A receipt of no files.
    "receipt-mail": Row(lambda _: "/upload/receipt-mail", own=_answers(422)),
    "staff-start": Row(lambda _: "/staff", own=_answers(302)),
    "staff-desk": Row(lambda _: "/staff/"),
    "staff-desk-csv": Row(lambda _: "/staff/desk.csv"),
    # No act is named.
    "staff-selected": Row(lambda _: "/staff/selected", own=_answers(404)),
    "staff-tenants": Row(lambda _: "/staff/tenants"),
    "staff-open-tenant": Row(lambda _: "/staff/open-tenant", own=_answers(200, 422)),
    "staff-tenant": Row(lambda ids: f"/staff/tenants/{ids.number}"),
    "staff-tenant-files": Row(lambda ids: f"/staff/tenants/{ids.number}/files"),
    "staff-tenant-decide": Row(lambda ids: f"/staff/tenants/{ids.number}/to-decide"),
    "staff-tenant-servers": Row(lambda ids: f"/staff/tenants/{ids.number}/servers"),
    "staff-tenant-automation": Row(
        lambda ids: f"/staff/tenants/{ids.number}/automation"
    ),
    "staff-tenant-people": Row(lambda ids: f"/staff/tenants/{ids.number}/people"),
    "staff-tenant-mail": Row(lambda ids: f"/staff/tenants/{ids.number}/mail"),
    "staff-tenant-settings": Row(lambda ids: f"/staff/tenants/{ids.number}/settings"),
    # A note without a text is not kept, and the page says so; there is no first note.
    "staff-tenant-notes": Row(
        lambda ids: f"/staff/tenants/{ids.number}/notes", own=_answers(200, 422)
    ),
    "staff-correct-note": Row(
        lambda ids: f"/staff/tenants/{ids.number}/notes/1", own=_answers(404)
    ),
    "staff-withdraw-note": Row(
        lambda ids: f"/staff/tenants/{ids.number}/notes/1/withdraw",
        own=_answers(404),
    ),
    "staff-tenant-history": Row(lambda ids: f"/staff/tenants/{ids.number}/history"),
    "staff-audit-trail": Row(lambda ids: f"/staff/audit-trail?tenant={ids.number}"),
    "staff-audit-trail-csv": Row(
        lambda ids: f"/staff/audit-trail/list.csv?tenant={ids.number}"
    ),
    "staff-issue-key": Row(
        lambda ids: f"/staff/tenants/{ids.number}/key", own=_answers(302)
    ),
    "staff-hand-over": Row(lambda ids: f"/staff/tenants/{ids.number}/set-up"),
    # Without an address nobody is invited, and the page says so.
    "staff-invite": Row(
        lambda ids: f"/staff/tenants/{ids.number}/people/invite", own=_answers(422)
    ),
    "staff-invite-again": Row(
        lambda ids: f"/staff/tenants/{ids.number}/people/invitations/1/again",
        own=_answers(404),
    ),
    "staff-invite-withdraw": Row(
        lambda ids: f"/staff/tenants/{ids.number}/people/invitations/1/withdraw",
        own=_answers(404),
    ),
    "staff-people": Row(lambda _: "/staff/people"),
    "staff-invite-staff": Row(lambda _: "/staff/people/invite", own=_answers(200, 422)),
    "staff-invite-staff-again": Row(
        lambda _: "/staff/people/invitations/1/again", own=_answers(404)
    ),
    "staff-invite-staff-withdraw": Row(
        lambda _: "/staff/people/invitations/1/withdraw", own=_answers(404)
    ),
    "staff-person": Row(lambda ids: f"/staff/people/{ids.user}"),
    # They name no role, and nobody.
    "staff-role": Row(lambda ids: f"/staff/people/{ids.user}/role", own=_answers(404)),
    "staff-reset-factors": Row(
        lambda _: "/staff/people/0/reset-factors", own=_answers(404)
    ),
    "staff-close-account": Row(lambda _: "/staff/people/0/close", own=_answers(404)),
    "staff-revoke-token": Row(
        lambda ids: f"/staff/tenants/{ids.number}/tokens/{ids.token}/revoke",
        own=_answers(302),
    ),
    "staff-new-token": Row(
        lambda ids: f"/staff/tenants/{ids.number}/tokens/new", own=_answers(200, 422)
    ),
    # Without a reason nothing is decided, and the page says so.
    "staff-confirm-key": Row(
        lambda ids: f"/staff/tenants/{ids.number}/server-keys/1/confirm",
        own=_answers(302),
    ),
    "staff-server-key": Row(
        lambda ids: f"/staff/tenants/{ids.number}/server-keys/{ids.server_key}"
    ),
    "staff-refuse-key": Row(
        lambda ids: f"/staff/tenants/{ids.number}/server-keys/{ids.server_key}/refuse",
        own=_answers(422),
    ),
    "staff-revoke-key": Row(
        lambda ids: f"/staff/tenants/{ids.number}/server-keys/{ids.server_key}/revoke",
        own=_answers(422),
    ),
    # Without a reason it is not retired, and the page says so.
    "staff-retire-key": Row(
        lambda ids: f"/staff/tenants/{ids.number}/sealing-keys/1/retire",
        own=_answers(302),
    ),
    "staff-approve-request": Row(
        lambda ids: f"/staff/tenants/{ids.number}/requests/1/approve",
        own=_answers(404),
    ),
    "staff-refuse-request": Row(
        lambda ids: f"/staff/tenants/{ids.number}/requests/1/refuse",
        own=_answers(302),
    ),
    # Without a day nothing is recorded, and the page says so.
    "staff-set-licences": Row(
        lambda ids: f"/staff/tenants/{ids.number}/licences", own=_answers(302)
    ),
    "staff-approve-licences": Row(
        lambda ids: f"/staff/tenants/{ids.number}/licence-requests/1/approve",
        own=_answers(404),
    ),
    "staff-refuse-licences": Row(
        lambda ids: f"/staff/tenants/{ids.number}/licence-requests/1/refuse",
        own=_answers(302),
    ),
    "staff-approve-excuse": Row(
        lambda ids: f"/staff/tenants/{ids.number}/excuses/1/approve",
        own=_answers(404),
    ),
    "staff-refuse-excuse": Row(
        lambda ids: f"/staff/tenants/{ids.number}/excuses/1/refuse",
        own=_answers(302),
    ),
    "staff-statement-day": Row(
        lambda ids: f"/staff/tenants/{ids.number}/statements/2026-05/days/2026-05-14"
    ),
    "staff-statement": Row(
        lambda ids: f"/staff/tenants/{ids.number}/statements/2026-05"
    ),
    # Without the figures that were seen nothing is issued, and the page is shown again.
    "staff-issue-statement": Row(
        lambda ids: f"/staff/tenants/{ids.number}/statements/2026-05/issue",
        own=_answers(422),
    ),
    "staff-month-end": Row(lambda _: "/staff/month-end?period=2026-05"),
    # They name neither a period nor a key.
    "staff-month-end-run": Row(lambda _: "/staff/month-end/run", own=_answers(302)),
    "staff-catalogue": Row(lambda _: "/staff/catalogue"),
    "staff-classify": Row(lambda _: "/staff/catalogue/classify", own=_answers(422)),
    "staff-late": Row(lambda _: "/staff/late"),
    "staff-late-csv": Row(lambda _: "/staff/late.csv"),
    "staff-undecided": Row(lambda _: "/staff/late/undecided"),
    # No stop holds the period, and the page *Late* says so.
    "staff-release": Row(lambda _: "/staff/late/2026-05/release", own=_answers(302)),
    # Without a reason, days or a choice nothing is decided, and the page says so.
    "staff-waive": Row(
        lambda ids: f"/staff/tenants/{ids.number}/flags/1/waive", own=_answers(302)
    ),
    "staff-decide": Row(
        lambda ids: f"/staff/tenants/{ids.number}/flags/1/decide", own=_answers(302)
    ),
    "staff-extend": Row(
        lambda ids: f"/staff/tenants/{ids.number}/extend", own=_answers(302)
    ),
    "staff-correct-zone": Row(
        lambda ids: f"/staff/tenants/{ids.number}/correct-zone",
        own=_answers(200, 422),
    ),
    "staff-change-zone": Row(
        lambda ids: f"/staff/tenants/{ids.number}/zone", own=_answers(200, 422)
    ),
    "staff-upload": Row(lambda ids: f"/staff/tenants/{ids.number}/upload"),
    "staff-inbox": Row(lambda _: "/staff/inbox"),
    # It names no object that is there.
    "staff-retry-inbox": Row(lambda _: "/staff/inbox/1/retry", own=_answers(404)),
    "staff-retry-inbox-mails": Row(
        lambda _: "/staff/inbox/mails/1/retry", own=_answers(404)
    ),
    "staff-mail": Row(lambda _: "/staff/mail"),
    "staff-mail-next": Row(lambda _: "/staff/mail/next", own=_answers(404)),
    "staff-mail-one": Row(lambda _: "/staff/mail/reminder/1", own=_answers(404)),
    # Without a reason nothing is stopped; there are no such mails.
    "staff-mail-stop": Row(lambda _: "/staff/mail/stop", own=_answers(302)),
    "staff-mail-go-on": Row(lambda _: "/staff/mail/go-on", own=_answers(302)),
    "staff-mail-digest": Row(lambda _: "/staff/mail/digest", own=_answers(302)),
    "staff-mail-again": Row(
        lambda _: "/staff/mail/reminder/1/again", own=_answers(302)
    ),
    "staff-mail-arrived": Row(
        lambda _: "/staff/mail/reminder/1/arrived", own=_answers(302)
    ),
    "staff-person-sessions": Row(lambda ids: f"/staff/people/{ids.user}/sessions"),
    # It names no session.
    "staff-person-sessions-end": Row(
        lambda ids: f"/staff/people/{ids.user}/sessions/end", own=_answers(404)
    ),
    "staff-events": Row(lambda _: "/staff/security-events"),
    "staff-events-csv": Row(lambda _: "/staff/security-events.csv"),
    "staff-held": Row(lambda _: "/staff/held"),
    "staff-held-file": Row(lambda ids: f"/staff/held/{ids.held}"),
    "staff-assign-day": Row(
        lambda ids: f"/staff/held/{ids.held}/day", own=_answers(302)
    ),
    "staff-refuse-file": Row(
        lambda ids: f"/staff/held/{ids.held}/refuse", own=_answers(302)
    ),
    "staff-accept-signature": Row(
        lambda ids: f"/staff/held/{ids.held}/signature", own=_answers(302)
    ),
    # It names no file of those that are there.
    "staff-choose-file": Row(
        lambda ids: f"/staff/held/{ids.held}/choose", own=_answers(404)
    ),
    "staff-keep-both": Row(
        lambda ids: f"/staff/held/{ids.held}/both", own=_answers(404)
    ),
    "staff-reopen-file": Row(
        lambda ids: f"/staff/held/{ids.held}/reopen", own=_answers(302)
    ),
    "staff-forwarding": Row(lambda _: "/staff/forwarding"),
    # They name no row and no reason.
    "staff-forwarding-retry": Row(
        lambda _: "/staff/forwarding/retry", own=_answers(404)
    ),
    "staff-forwarding-retry-all": Row(
        lambda _: "/staff/forwarding/retry-all", own=_answers(404)
    ),
    "api:api-root": Row(lambda _: "/api/v1/"),
    "api:openapi-json": Row(lambda _: "/api/v1/openapi.json"),
    "api:openapi-view": Row(lambda _: "/api/v1/docs"),
    "api:check-files": Row(
        lambda _: "/api/v1/files/check",
        body=lambda companies, whose: check_body(
            companies.ids[whose], companies.files[whose]
        ),
    ),
    "api:files": Row(lambda _: "/api/v1/files"),
    # The same file again; another company's is rejected, as any stray one is.
    "api:upload": Row(
        lambda _: "/api/v1/files/again.usg", foreign=_answers(422), body=_same_file
    ),
    "api:file": Row(lambda ids: f"/api/v1/files/{ids.accepted}", foreign=_answers(404)),
    "api:uploads": Row(lambda _: "/api/v1/uploads"),
    "api:upload-run": Row(
        lambda ids: f"/api/v1/uploads/{ids.upload}", foreign=_answers(404)
    ),
    # Under an id that nobody has used; one of another tenant's is as good.
    "api:report-upload": Row(
        lambda _: f"/api/v1/uploads/{uuid4()}/report",
        body=lambda _companies, _whose: b'{"step": 1}',
    ),
    "api:servers": Row(lambda _: "/api/v1/servers"),
    "api:confirm-key": Row(
        lambda ids: f"/api/v1/servers/{ids.server}/keys/{ids.fingerprint}/confirm",
        foreign=_answers(404),
    ),
    "api:report-access": Row(
        lambda _: "/api/v1/access-checks",
        body=lambda _companies, _whose: (
            b'{"machine": "ic1", "names": [{"name": "b.s3.example",'
            b' "is_of_bucket": true, "outcome": "not-resolved"}]}'
        ),
    ),
    "api:periods": Row(lambda _: "/api/v1/periods"),
    "api:period": Row(lambda _: "/api/v1/periods/2026-05"),
    "api:standings": Row(lambda _: "/api/v1/staff/standings?period=2026-05"),
    "api:statements": Row(lambda _: "/api/v1/statements"),
    "api:statement": _statement_row(""),
    "api:statement-csv": _statement_row(".csv"),
    "api:statement-pdf": _statement_row(".pdf"),
    "api:statement-focus": _statement_row(".focus.csv"),
    "api:statement-files": _statement_row("/files"),
    "api:statement-evidence": _statement_row("/evidence"),
    "api:schema": Row(lambda _: "/api/v1/schemas/statement-1.json"),
}

READ = frozenset({Permission.READ, Permission.ASK, Permission.STATEMENTS})
UPLOAD = READ | {Permission.UPLOAD}
ADMIN = UPLOAD | {Permission.MANAGE, Permission.EVIDENCE, Permission.NAMES}
# Statements are for members and staff alike; staff name the tenant.
OF_STATEMENTS = frozenset({Permission.STATEMENTS, Permission.EVIDENCE})
STAFF = frozenset({Permission.STAFF_READ}) | OF_STATEMENTS

# What each caller may do; None: he is nobody; a code: he is told that at the API.
STANDING: Mapping[str, frozenset[Permission] | str | None] = {
    "nobody": None,
    "session of one who left": None,
    "nobody behind a proxy": None,
    "token unknown": "token-unknown",
    "token expired": "token-expired",
    "token revoked": "token-revoked",
    **{f"broken: {name}": "token-unknown" for name in BROKEN},
    "token of scope read": READ,
    "token of scope upload": UPLOAD,
    "token of one server": frozenset({Permission.ASK, Permission.UPLOAD}),
    "token of another network": "token-network",
    "session of viewer": READ,
    "session of uploader": UPLOAD,
    "session of admin": ADMIN,
    "session of admin behind a proxy": ADMIN,
    "session of clerk": STAFF | {Permission.STAFF_ACT},
    "session of auditor": STAFF,
    "stale session of admin": ADMIN,
    "stale session of clerk": STAFF | {Permission.STAFF_ACT},
    "one factor of admin": ADMIN,
    "one factor of clerk": STAFF | {Permission.STAFF_ACT},
    "partner for alice": ADMIN,
    "charlie's token: read": READ,
    "charlie's token: upload": UPLOAD,
    "charlie's session: viewer": READ,
    "charlie's session: uploader": UPLOAD,
    "charlie's session: admin": ADMIN,
    "partner for charlie": ADMIN,
    "charlie's session set to alice": ADMIN,
}


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """The statuses that are right, and the code that goes with them."""

    statuses: frozenset[int]
    code: str = ""


def expected(
    name: str, method: str, caller: MatrixCaller, *, whose: str
) -> ExpectedAnswer:
    """Say what a call should be answered, from the documented permission alone."""
    row, methods = ROWS[name], DOCUMENTED[name]
    if not methods:
        return _refusal(HTTPStatus.NOT_FOUND, "not-found")
    endpoint = methods.get("GET" if method == "HEAD" else method)
    if endpoint is None:
        return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "method-unknown")
    is_api = row.path(_NO_IDS).startswith(API)
    refusal = (
        _api_refusal(endpoint, caller)
        if is_api
        else _page_refusal(endpoint, caller, method)
    )
    if is_api and TOKENS not in endpoint.callers and endpoint.permission != ANYBODY:
        refusal = _people_refusal(caller) or refusal
    if refusal or whose == caller.company or row.foreign is None:
        return refusal or ExpectedAnswer(row.own)
    return ExpectedAnswer(row.foreign, "not-found")


def _api_refusal(endpoint: Endpoint, caller: MatrixCaller) -> ExpectedAnswer | None:
    if endpoint.permission == ANYBODY:
        return None
    standing = STANDING[caller.name]
    if standing is None:
        return _refusal(HTTPStatus.UNAUTHORIZED, "sign-in-needed")
    if isinstance(standing, str):
        is_known = standing == "token-network"
        status = HTTPStatus.FORBIDDEN if is_known else HTTPStatus.UNAUTHORIZED
        return _refusal(status, standing)
    code = _denial(endpoint, caller, standing)
    return _refusal(HTTPStatus.FORBIDDEN, code) if code else None


VALID_TOKENS = ("token of scope", "token of one server", "charlie's token")


def _people_refusal(caller: MatrixCaller) -> ExpectedAnswer | None:
    """A valid token is refused where only people may call, whatever its scope."""
    is_token = caller.name.startswith(VALID_TOKENS)
    return _refusal(HTTPStatus.FORBIDDEN, "people-only") if is_token else None


def _page_refusal(
    endpoint: Endpoint, caller: MatrixCaller, method: str
) -> ExpectedAnswer | None:
    """Pages know sessions only; a token there is nothing."""
    has_session = not (caller.name in NO_SESSION or "token:" in caller.name)
    if endpoint.permission == ANYBODY:
        return None
    if not has_session:
        return _refusal(HTTPStatus.FOUND, "")
    # A broken token is nothing here: what counts is the session of an admin beside it.
    standing = STANDING[caller.name]
    may = standing if isinstance(standing, frozenset) else ADMIN
    code = _denial(endpoint, caller, may)
    # To the second factor, or to the page that confirms the identity. Instead of a form
    # that was sent, that page itself is the answer.
    is_led_on = code == "second-factor-needed" or (
        code == "sign-in-not-fresh" and method in {"GET", "HEAD"}
    )
    status = HTTPStatus.FOUND if is_led_on else HTTPStatus.FORBIDDEN
    return _refusal(status, code) if code else None


def _denial(
    endpoint: Endpoint, caller: MatrixCaller, may: frozenset[Permission]
) -> str:
    """Return the code by which a person or token is refused; empty if it is not."""
    if endpoint.needs_factors and caller.name.startswith("one factor"):
        return "second-factor-needed"
    need = endpoint.permission
    if need != SIGNED_IN and need not in may:
        return "not-allowed"
    is_stale = caller.name.startswith(("stale", "one factor"))
    return "sign-in-not-fresh" if endpoint.is_fresh and is_stale else ""


NO_SESSION = frozenset(
    {
        *("nobody", "nobody behind a proxy", "session of one who left"),
        *(name for name in STANDING if name.startswith("token ")),
    }
)


def permissions_of(name: str) -> set[Requirement]:
    """Return the permissions that the methods of an address require."""
    return {endpoint.permission for endpoint in DOCUMENTED[name].values()}


def is_for_staff(name: str) -> bool:
    """Return whether an endpoint is for the billing staff alone."""
    return permissions_of(name) <= {
        Permission.STAFF_READ,
        Permission.STAFF_ACT,
    }


def may_know_alice(name: str, caller: MatrixCaller) -> bool:
    """Say whether an answer may show what is Alice's at all."""
    standing = STANDING[caller.name]
    is_staff = isinstance(standing, frozenset) and Permission.STAFF_READ in standing
    is_of_statements = bool(OF_STATEMENTS & permissions_of(name))
    if is_staff and (is_for_staff(name) or is_of_statements):
        return True
    if caller.name.startswith("broken"):
        # Pages, which know no tokens, show people who is signed in.
        return name == "api:openapi-view" or not name.startswith("api:")
    # A token of one server learns of files by their content, and reads nothing else.
    is_member = isinstance(standing, frozenset) and Permission.ASK in standing
    return caller.company == "alice" and is_member


def may_name_alice(caller: MatrixCaller, path: str) -> bool:
    """Say whether an answer may name Alice: who belongs to both can switch to her."""
    is_partner = caller.name == "partner for charlie"
    is_link = re.match(r"/(files|uploads)/[0-9a-f-]{36}\b", path) is not None
    return is_partner and (path in {"/switch", "/signed-in"} or is_link)


def _refusal(status: HTTPStatus, code: str) -> ExpectedAnswer:
    return ExpectedAnswer(frozenset({int(status)}), code)


_NO_IDS = Ids(*[""] * 16)


def headers_for(method: str, body: bytes) -> dict[str, str]:
    """Return what a well-behaved client sends with a call."""
    sent = {"X-CSRFToken": "c" * 32}
    return sent | (digest_header(body) if method == "PUT" else {})
