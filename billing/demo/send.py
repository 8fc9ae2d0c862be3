"""Sends single files of a demo tenant, as its servers would."""

from datetime import UTC, date, datetime, time
from pathlib import Path

from portal.accounts import token_sign_in, tokens
from portal.models import Scope, Tenant
from usage.models import How
from usage.uploads import judge, receive

# Where the demo's servers are: on this machine.
_ADDRESS = "127.0.0.1"


def issue_token(tenant: Tenant, *, by: str) -> str:
    """Issue a token that is as old as the first file; return its string.

    Runs in the running unit of work of the tenant.
    """
    _, secret = tokens.issue(
        tenant.pk,
        name="demo",
        scope=Scope.UPLOAD,
        by=by,
        at=datetime.combine(tenant.first_owed_on, time(), tzinfo=UTC),
        terms=tokens.TokenTerms(lasts=tokens.LASTS_AT_MOST),
    )
    return secret


def send_file(path: Path, tenant: Tenant, *, token: str, at: datetime) -> None:
    """Receive and judge a file as of an instant, then remove it from its folder.

    Signs in with the token as a request does, so that its last use is recorded.
    """
    data = path.read_bytes()
    sender = token_sign_in.sign_in(f"Bearer {token}", address=_ADDRESS, at=at)
    arrival = receive.IncomingFile(
        tenant_id=tenant.pk,
        name=path.name,
        size=len(data),
        sha256=None,
        how=How.API,
        sent_by=sender.name,
        received_at=at,
    )
    judge.receive_and_judge(arrival, iter([data]), at=at)
    # As a person who uploads by hand removes the files that were received.
    path.unlink()


def day_in_name(path: Path) -> date:
    """Return the day in the name of an emulated file."""
    return date.fromisoformat(path.stem.split("_")[1])
