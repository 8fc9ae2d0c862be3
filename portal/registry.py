"""Every address of the portal, by its name, and what it asks of whoever comes in.

The one list of them: an address that is not in it is answered by nobody, and fails the
build, so that access is never forgotten. `portal.doors` holds to it.
"""

from collections.abc import Mapping

from portal.members import May

ANYBODY = "anybody"
SIGNED_IN = "signed in"

Need = May | str

DOORS: Mapping[str, Mapping[str, Need]] = {
    "healthz": {"GET": ANYBODY},
    "readyz": {"GET": ANYBODY},
    "favicon": {"GET": ANYBODY},
    "metrics": {"GET": ANYBODY},  # whoever knows METRICS_TOKEN
    "sign-in": {"GET": ANYBODY, "POST": ANYBODY},
    "signed-in": {"GET": SIGNED_IN},
    "sign-out": {"POST": SIGNED_IN},
    "forgotten": {"GET": ANYBODY, "POST": ANYBODY},
    "forgotten-sent": {"GET": ANYBODY},
    "new-password": {"GET": ANYBODY, "POST": ANYBODY},
    "change-password": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "switch": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "home": {"GET": SIGNED_IN},
    "upload-page": {"GET": May.READ, "POST": May.UPLOAD},
    "excuses-page": {"GET": May.READ},
    "excuses-ask": {"POST": May.MANAGE},
    "excuses-withdraw": {"POST": May.MANAGE},
    "licences-page": {"GET": May.READ},
    "licences-ask": {"POST": May.MANAGE},
    "licences-withdraw": {"POST": May.MANAGE},
    "files-page": {"GET": May.READ},
    "files-csv": {"GET": May.READ},
    "file-page": {"GET": May.READ},
    "file-receipt": {"GET": May.READ},
    "receipt": {"POST": May.READ},
    "safe-to-delete": {"GET": May.READ},
    "safe-csv": {"GET": May.READ},
    "safe-sums": {"GET": May.READ},
    "servers-page": {"GET": May.READ},
    "servers-confirm-key": {"POST": May.MANAGE},
    "servers-change": {"POST": May.MANAGE},
    "servers-withdraw": {"POST": May.MANAGE},
    "servers-register": {"POST": May.MANAGE},
    "staff-tenants": {"GET": May.STAFF_READ},
    "staff-open-tenant": {"GET": May.STAFF_ACT, "POST": May.STAFF_ACT},
    "staff-tenant": {"GET": May.STAFF_READ},
    "staff-tenant-files": {"GET": May.STAFF_READ},
    "staff-issue-key": {"POST": May.STAFF_ACT},
    "staff-hand-over": {"POST": May.STAFF_ACT},
    "staff-invite": {"POST": May.STAFF_ACT},
    "staff-revoke-token": {"POST": May.STAFF_ACT},
    "staff-confirm-key": {"POST": May.STAFF_ACT},
    "staff-approve-request": {"POST": May.STAFF_ACT},
    "staff-refuse-request": {"POST": May.STAFF_ACT},
    "staff-set-licences": {"POST": May.STAFF_ACT},
    "staff-approve-licences": {"POST": May.STAFF_ACT},
    "staff-refuse-licences": {"POST": May.STAFF_ACT},
    "staff-approve-excuse": {"POST": May.STAFF_ACT},
    "staff-refuse-excuse": {"POST": May.STAFF_ACT},
    "staff-late": {"GET": May.STAFF_READ},
    "staff-late-csv": {"GET": May.STAFF_READ},
    "staff-release": {"POST": May.STAFF_ACT},
    "staff-waive": {"POST": May.STAFF_ACT},
    "staff-decide": {"POST": May.STAFF_ACT},
    "staff-extend": {"POST": May.STAFF_ACT},
    "staff-correct-zone": {"POST": May.STAFF_ACT},
    "staff-upload": {"GET": May.STAFF_ACT, "POST": May.STAFF_ACT},
    "staff-inbox": {"GET": May.STAFF_READ},
    "staff-retry-inbox": {"POST": May.STAFF_ACT},
    "staff-retry-inbox-mails": {"POST": May.STAFF_ACT},
    "staff-held": {"GET": May.STAFF_READ},
    "staff-held-file": {"GET": May.STAFF_READ},
    "staff-assign-day": {"POST": May.STAFF_ACT},
    "staff-refuse-file": {"POST": May.STAFF_ACT},
    "staff-choose-file": {"POST": May.STAFF_ACT},
    "staff-keep-both": {"POST": May.STAFF_ACT},
    "staff-reopen-file": {"POST": May.STAFF_ACT},
    "staff-forwarding": {"GET": May.STAFF_READ},
    "staff-forwarding-retry": {"POST": May.STAFF_ACT},
    "staff-forwarding-retry-all": {"POST": May.STAFF_ACT},
    "api:api-root": {},  # ninja's own name for the prefix; nothing is there
    "api:openapi-json": {"GET": ANYBODY},
    "api:openapi-view": {"GET": ANYBODY},
    "api:check-files": {"POST": May.READ},
    "api:files": {"GET": May.READ},
    "api:upload": {"PUT": May.UPLOAD},
    "api:file": {"GET": May.READ},
    "api:servers": {"GET": May.READ},
    "api:confirm-key": {"POST": May.MANAGE},
    "api:periods": {"GET": May.READ},
    "api:period": {"GET": May.READ},
}
