"""The endpoint table: who may call each endpoint, and which body it takes.

There is no other list: an address that is missing from it is not found, and fails the
build, so that none is forgotten. `portal.http.middleware` enforces all of it before
anything reads the body of a request.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from portal.accounts.caller import Permission
from portal.http.endpoint_types import (
    ANONYMOUS_FORM,
    ANYBODY,
    FILES,
    FILES_OF_FORM,
    FORM,
    JSON,
    LISTS,
    MAX_FILE_BYTES,
    PEOPLE,
    PLAIN_FORM,
    QUESTIONS,
    SIGNED_IN,
    STREAM,
    TOKENS,
    BodyKind,
    Callers,
    Endpoint,
    Requirement,
)


def _open(body: BodyKind = BodyKind.NONE, max_body: int = 0) -> Endpoint:
    return Endpoint(ANYBODY, Callers.NONE, body, max_body, needs_factors=False)


def _page(permission: Requirement) -> Endpoint:
    return Endpoint(permission, PEOPLE)


def _form(
    permission: Requirement, body: BodyKind = FORM, max_body: int = PLAIN_FORM
) -> Endpoint:
    return Endpoint(permission, PEOPLE, body, max_body)


def _fresh(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, is_fresh=True)


def _one_factor(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, needs_factors=False)


def _api(
    permission: Requirement,
    body: BodyKind = BodyKind.NONE,
    max_body: int | Literal["MAX_FILE_BYTES"] = 0,
) -> Endpoint:
    return Endpoint(permission, PEOPLE | TOKENS, body, max_body)


READ, UPLOAD, MANAGE = Permission.READ, Permission.UPLOAD, Permission.MANAGE
ASK = Permission.ASK
STATEMENTS, EVIDENCE = Permission.STATEMENTS, Permission.EVIDENCE
NAMES = Permission.NAMES
STAFF_READ, STAFF_ACT = Permission.STAFF_READ, Permission.STAFF_ACT

ENDPOINTS: Mapping[str, Mapping[str, Endpoint]] = {
    "healthz": {"GET": _open()},
    "readyz": {"GET": _open()},
    "favicon": {"GET": _open()},
    "metrics": {"GET": _open()},  # requires METRICS_TOKEN
    "sign-in": {"GET": _open(), "POST": _open(FORM, ANONYMOUS_FORM)},
    "signed-in": {"GET": _page(SIGNED_IN)},
    "sign-out": {"POST": _one_factor(_form(SIGNED_IN))},
    "sign-in-passkey-options": {"POST": _open(FORM, ANONYMOUS_FORM)},
    "sign-in-passkey": {"POST": _open(FORM, ANONYMOUS_FORM)},
    "second-factor": {"GET": _open(), "POST": _open(FORM, ANONYMOUS_FORM)},
    "second-factor-options": {"POST": _open(FORM, ANONYMOUS_FORM)},
    "second-factor-set-up": {"GET": _one_factor(_page(SIGNED_IN))},
    "second-factor-set-up-app": {
        "GET": _one_factor(_page(SIGNED_IN)),
        "POST": _one_factor(_form(SIGNED_IN)),
    },
    "second-factor-set-up-passkey": {
        "GET": _one_factor(_page(SIGNED_IN)),
        "POST": _one_factor(_form(SIGNED_IN)),
    },
    "second-factor-set-up-options": {"POST": _one_factor(_form(SIGNED_IN))},
    "second-factor-manage": {"GET": _page(SIGNED_IN)},
    "second-factor-codes": {"POST": _fresh(_form(SIGNED_IN))},
    "second-factor-remove": {"POST": _fresh(_form(SIGNED_IN))},
    "second-factor-rename": {"POST": _fresh(_form(SIGNED_IN))},
    "confirm-identity": {
        "GET": _one_factor(_page(SIGNED_IN)),
        "POST": _one_factor(_form(SIGNED_IN, FORM, LISTS)),
    },
    "confirm-identity-options": {"POST": _one_factor(_form(SIGNED_IN))},
    "forgotten": {"GET": _open(), "POST": _open(FORM, ANONYMOUS_FORM)},
    "forgotten-sent": {"GET": _open()},
    "new-password": {"GET": _open(), "POST": _open(FORM, ANONYMOUS_FORM)},
    "change-password": {"GET": _page(SIGNED_IN), "POST": _fresh(_form(SIGNED_IN))},
    "sessions-page": {"GET": _page(SIGNED_IN)},
    "sessions-end": {"POST": _form(SIGNED_IN)},
    "security-events": {"GET": _page(SIGNED_IN)},
    "switch": {"GET": _page(SIGNED_IN), "POST": _form(SIGNED_IN)},
    "home": {"GET": _page(SIGNED_IN)},
    "upload-page": {"GET": _page(READ), "POST": _form(UPLOAD, FILES, FILES_OF_FORM)},
    "period-receipt": {"GET": _page(READ)},
    "period-dismiss": {"POST": _form(READ)},
    "statements-page": {"GET": _page(READ)},
    "statement-page": {"GET": _page(READ)},
    "statement-day": {"GET": _page(READ)},
    "statement-users": {"GET": _page(NAMES), "POST": _fresh(_form(NAMES))},
    "excuses-page": {"GET": _page(READ)},
    "excuses-ask": {"POST": _form(MANAGE)},
    "excuses-withdraw": {"POST": _form(MANAGE)},
    "licences-page": {"GET": _page(READ)},
    "licences-ask": {"POST": _form(MANAGE)},
    "licences-withdraw": {"POST": _form(MANAGE)},
    "files-page": {"GET": _page(READ)},
    "files-csv": {"GET": _page(READ)},
    "file-page": {"GET": _page(READ)},
    "file-receipt": {"GET": _page(READ)},
    "receipt": {"POST": _form(READ, FORM, LISTS)},
    "uploads-page": {"GET": _page(READ)},
    "upload-run-page": {"GET": _page(READ)},
    "upload-run-receipt": {"GET": _page(READ)},
    "upload-run-mail": {"POST": _form(READ)},
    "upload-run-dismiss": {"POST": _form(UPLOAD)},
    "safe-to-delete": {"GET": _page(READ)},
    "safe-csv": {"GET": _page(READ)},
    "safe-sums": {"GET": _page(READ)},
    "servers-page": {"GET": _page(READ)},
    "servers-confirm-key": {"POST": _fresh(_form(MANAGE))},
    "servers-key": {"GET": _page(READ)},
    "servers-refuse-key": {"POST": _fresh(_form(MANAGE))},
    "servers-revoke-key": {"POST": _fresh(_form(MANAGE))},
    "servers-change": {"POST": _form(MANAGE)},
    "servers-withdraw": {"POST": _form(MANAGE)},
    "servers-register": {"POST": _form(MANAGE, FILES, LISTS)},
    "access-page": {"GET": _page(READ)},
    "sender-file": {"GET": _page(READ)},
    "sender-script": {"GET": _page(READ)},
    "disk-space-page": {"GET": _page(READ)},
    "disk-space-csv": {"GET": _page(READ)},
    "automation-page": {"GET": _page(READ)},
    "automation-runs": {"GET": _page(READ)},
    "token-new": {"GET": _page(MANAGE), "POST": _fresh(_form(MANAGE))},
    "token-page": {"GET": _page(READ)},
    "token-replace": {"POST": _fresh(_form(MANAGE))},
    "token-revoke": {"POST": _fresh(_form(MANAGE))},
    "people-page": {"GET": _page(READ)},
    "people-own-mails": {"POST": _form(READ)},
    "people-calendar": {"POST": _fresh(_form(READ))},
    "people-mails": {"POST": _form(MANAGE)},
    "people-escalation": {"POST": _fresh(_form(MANAGE))},
    "history-page": {"GET": _page(MANAGE)},
    "history-csv": {"GET": _page(MANAGE)},
    "people-invite": {"GET": _page(MANAGE), "POST": _fresh(_form(MANAGE))},
    "people-invite-again": {"POST": _fresh(_form(MANAGE))},
    "people-invite-withdraw": {"POST": _fresh(_form(MANAGE))},
    "people-member": {"GET": _page(MANAGE)},
    "people-role": {"POST": _fresh(_form(MANAGE))},
    "people-remove": {"POST": _fresh(_form(MANAGE))},
    "people-reset-factors": {"POST": _fresh(_form(MANAGE))},
    "people-leave": {"GET": _page(READ), "POST": _fresh(_form(READ))},
    "people-require-factor": {"GET": _page(MANAGE), "POST": _fresh(_form(MANAGE))},
    "invitation": {"GET": _open(), "POST": _open(FORM, ANONYMOUS_FORM)},
    "invitation-accept": {"POST": _form(SIGNED_IN)},
    "profile": {"GET": _page(SIGNED_IN), "POST": _fresh(_form(SIGNED_IN))},
    "profile-address": {"GET": _page(SIGNED_IN), "POST": _fresh(_form(SIGNED_IN))},
    "confirm-address": {"GET": _page(SIGNED_IN), "POST": _fresh(_form(SIGNED_IN))},
    "confirm-contact": {"GET": _open(), "POST": _open(FORM, ANONYMOUS_FORM)},
    "member-sessions": {"GET": _page(MANAGE)},
    "member-sessions-end": {"POST": _form(MANAGE)},
    "member-events": {"GET": _page(MANAGE)},
    "calendar-feed": {"GET": _open()},  # requires a member's private address
    "receipt-mail": {"POST": _form(READ, FORM, LISTS)},
    "staff-start": {"GET": _page(STAFF_READ)},
    "staff-desk": {"GET": _page(STAFF_READ)},
    "staff-desk-csv": {"GET": _fresh(_page(STAFF_READ))},
    "staff-selected": {"GET": _page(STAFF_ACT), "POST": _form(STAFF_ACT)},
    "staff-tenants": {"GET": _page(STAFF_READ)},
    "staff-open-tenant": {"GET": _page(STAFF_ACT), "POST": _fresh(_form(STAFF_ACT))},
    "staff-tenant": {"GET": _page(STAFF_READ)},
    "staff-tenant-decide": {"GET": _page(STAFF_READ)},
    "staff-tenant-files": {"GET": _page(STAFF_READ)},
    "staff-tenant-servers": {"GET": _page(STAFF_READ)},
    "staff-tenant-automation": {"GET": _page(STAFF_READ)},
    "staff-tenant-people": {"GET": _page(STAFF_READ)},
    "staff-tenant-mail": {"GET": _page(STAFF_READ)},
    "staff-tenant-settings": {"GET": _page(STAFF_READ)},
    "staff-tenant-notes": {"GET": _page(STAFF_READ), "POST": _form(STAFF_ACT)},
    "staff-correct-note": {"GET": _page(STAFF_ACT), "POST": _form(STAFF_ACT)},
    "staff-withdraw-note": {"POST": _form(STAFF_ACT)},
    "staff-tenant-history": {"GET": _page(STAFF_READ)},
    "staff-issue-key": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-hand-over": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-invite": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-invite-again": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-invite-withdraw": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-people": {"GET": _page(STAFF_READ)},
    "staff-invite-staff": {"GET": _page(STAFF_ACT), "POST": _fresh(_form(STAFF_ACT))},
    "staff-invite-staff-again": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-invite-staff-withdraw": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-person": {"GET": _page(STAFF_READ)},
    "staff-role": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-reset-factors": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-close-account": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-revoke-token": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-confirm-key": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-audit-trail": {"GET": _page(STAFF_READ)},
    "staff-audit-trail-csv": {"GET": _fresh(_page(STAFF_READ))},
    "staff-new-token": {"GET": _page(STAFF_ACT), "POST": _fresh(_form(STAFF_ACT))},
    "staff-server-key": {"GET": _page(STAFF_READ)},
    "staff-refuse-key": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-revoke-key": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-retire-key": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-approve-request": {"POST": _form(STAFF_ACT)},
    "staff-refuse-request": {"POST": _form(STAFF_ACT)},
    "staff-set-licences": {"POST": _form(STAFF_ACT)},
    "staff-approve-licences": {"POST": _form(STAFF_ACT)},
    "staff-refuse-licences": {"POST": _form(STAFF_ACT)},
    "staff-approve-excuse": {"POST": _form(STAFF_ACT)},
    "staff-refuse-excuse": {"POST": _form(STAFF_ACT)},
    "staff-statement-day": {"GET": _page(STAFF_READ)},
    "staff-statement": {"GET": _page(STAFF_READ)},
    "staff-issue-statement": {"POST": _form(STAFF_ACT)},
    "staff-month-end": {"GET": _page(STAFF_READ)},
    "staff-month-end-run": {"POST": _form(STAFF_ACT)},
    "staff-catalogue": {"GET": _page(STAFF_READ)},
    "staff-classify": {"POST": _form(STAFF_ACT)},
    "staff-late": {"GET": _page(STAFF_READ)},
    "staff-late-csv": {"GET": _fresh(_page(STAFF_READ))},
    "staff-undecided": {"GET": _page(STAFF_READ)},
    "staff-release": {
        "GET": _page(STAFF_READ),
        "POST": _form(STAFF_ACT, FORM, LISTS),
    },
    "staff-waive": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-decide": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-extend": {"POST": _form(STAFF_ACT)},
    "staff-correct-zone": {"GET": _page(STAFF_ACT), "POST": _form(STAFF_ACT)},
    "staff-change-zone": {"GET": _page(STAFF_ACT), "POST": _form(STAFF_ACT)},
    "staff-upload": {
        "GET": _page(STAFF_ACT),
        "POST": _form(STAFF_ACT, FILES, FILES_OF_FORM),
    },
    "staff-inbox": {"GET": _page(STAFF_READ)},
    "staff-retry-inbox": {"POST": _form(STAFF_ACT)},
    "staff-retry-inbox-mails": {"POST": _form(STAFF_ACT)},
    "staff-mail": {"GET": _page(STAFF_READ)},
    "staff-mail-next": {"GET": _page(STAFF_READ)},
    "staff-mail-one": {"GET": _page(STAFF_READ)},
    "staff-mail-stop": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-mail-go-on": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-mail-digest": {"POST": _form(STAFF_READ)},
    "staff-mail-again": {"POST": _form(STAFF_ACT)},
    "staff-mail-arrived": {"POST": _form(STAFF_ACT)},
    "staff-person-sessions": {"GET": _page(STAFF_READ)},
    "staff-person-sessions-end": {"POST": _form(STAFF_ACT)},
    "staff-events": {"GET": _page(STAFF_READ)},
    "staff-events-csv": {"GET": _fresh(_page(STAFF_READ))},
    "staff-held": {"GET": _page(STAFF_READ)},
    "staff-held-file": {"GET": _page(STAFF_READ)},
    "staff-assign-day": {"POST": _form(STAFF_ACT)},
    "staff-refuse-file": {"POST": _form(STAFF_ACT)},
    "staff-accept-signature": {"POST": _fresh(_form(STAFF_ACT))},
    "staff-choose-file": {"POST": _form(STAFF_ACT)},
    "staff-keep-both": {"POST": _form(STAFF_ACT)},
    "staff-reopen-file": {"POST": _form(STAFF_ACT)},
    "staff-forwarding": {"GET": _page(STAFF_READ)},
    "staff-forwarding-retry": {"POST": _form(STAFF_ACT)},
    "staff-forwarding-retry-all": {"POST": _form(STAFF_ACT)},
    "api:api-root": {},  # ninja's own name for the prefix; nothing is there
    "api:openapi-json": {"GET": _open()},
    "api:openapi-view": {"GET": _open()},
    "api:check-files": {"POST": _api(ASK, JSON, QUESTIONS)},
    "api:files": {"GET": _api(READ)},
    "api:upload": {"PUT": _api(UPLOAD, STREAM, MAX_FILE_BYTES)},
    "api:file": {"GET": _api(READ)},
    "api:uploads": {"GET": _api(READ)},
    "api:report-upload": {"PUT": _api(UPLOAD, JSON, QUESTIONS)},
    "api:upload-run": {"GET": _api(READ)},
    "api:servers": {"GET": _api(READ)},
    # Never a token's right: whoever has the token could sign files in any name.
    "api:confirm-key": {"POST": _fresh(_page(MANAGE))},
    "api:report-access": {"POST": _api(UPLOAD, JSON, PLAIN_FORM)},
    "api:periods": {"GET": _api(READ)},
    "api:period": {"GET": _api(READ)},
    "api:standings": {"GET": _fresh(_page(STAFF_READ))},
    "api:statements": {"GET": _api(STATEMENTS)},
    "api:statement": {"GET": _api(STATEMENTS)},
    "api:statement-csv": {"GET": _api(STATEMENTS)},
    "api:statement-pdf": {"GET": _api(STATEMENTS)},
    "api:statement-focus": {"GET": _api(STATEMENTS)},
    "api:statement-files": {"GET": _api(STATEMENTS)},
    "api:statement-evidence": {"GET": _api(EVIDENCE)},
    "api:schema": {"GET": _open()},
}
