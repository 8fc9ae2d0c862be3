"""Sends single files of a demo tenant, as its servers would."""

from datetime import date, datetime
from pathlib import Path

from portal.models import Tenant
from usage.models import How
from usage.uploads import judge, receive


def send_file(path: Path, tenant: Tenant, *, at: datetime) -> None:
    """Receive and judge a file as of an instant, then remove it from its folder."""
    data = path.read_bytes()
    arrival = receive.IncomingFile(
        tenant_id=tenant.pk,
        name=path.name,
        size=len(data),
        sha256=None,
        how=How.API,
        sent_by="token demo",
        received_at=at,
    )
    judge.receive_and_judge(arrival, iter([data]), at=at)
    # As a person who uploads by hand removes the files that were received.
    path.unlink()


def day_in_name(path: Path) -> date:
    """Return the day in the name of an emulated file."""
    return date.fromisoformat(path.stem.split("_")[1])
