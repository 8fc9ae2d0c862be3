"""Decides if mail may be sent: staff can stop it, and a restored copy sends none.

Staff can stop all mails that nobody has requested. And a copy that was restored from a
backup sends no mail until an operator confirms it (`manage.py claim_mail`): a stamp in
the database identifies its very tables, and a file in VAR repeats the stamp's mark. So
a dump that was restored anywhere, a cluster that was set back, a copied database beside
another VAR, and a whole VAR with its database in it are all noticed. Machines
that share a database have MAIL_STAMP in place of the file; then a copied database is
noticed unless its copy has the same MAIL_STAMP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from django.conf import settings
from django.db import connection

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import MailStamp, MailStop
from portal.typed_text.clean import one_line

# Values that change with every restore: a cluster has its own number and gets a new
# timeline when it is set back, a restored dump has new tables.
_DATABASE = """
select (select system_identifier from pg_control_system())::text
    || '/' || (select timeline_id from pg_control_checkpoint())
    || '/' || (select oid from pg_database where datname = current_database())
    || '/' || 'portal_mailstamp'::regclass::oid
"""


# The first holds all mails, the second only those that nobody has requested.
RESTORED_COPY = "restored-copy"
STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SendPermission:
    """The permission to send mail: `held` is the reason against, empty if granted.

    A mail that a person has just requested is sent even while mail is stopped.

    Nothing that was due at `restored_at` or before may be sent in any case.
    """

    held: str
    restored_at: datetime | None = None


def send_permission() -> SendPermission:
    """Return the permission to send mail, in a unit of work of the staff.

    The first call of an installation creates its stamp.
    """
    stamp = MailStamp.objects.first() or _first_stamp()
    if stamp.database != _this_installation() or _mark() != stamp.mark:
        return SendPermission(RESTORED_COPY, stamp.restored_at)
    if current_stop() is not None:
        return SendPermission(STOPPED, stamp.restored_at)
    return SendPermission("", stamp.restored_at)


def current_stop() -> MailStop | None:
    return MailStop.objects.filter(ended_at=None).first()


def stop(*, reason: str, by: str, at: datetime) -> None:
    """Stop all mails that nobody has requested, in a unit of work of the staff."""
    reason = _required(reason)
    if current_stop() is not None:
        raise Refused("decided-already")
    MailStop.objects.create(stopped_at=at, stopped_by=by, reason=reason)
    _audit("mail-stopped", reason, by=by, at=at)


def resume(*, reason: str, by: str, at: datetime) -> None:
    """Allow all mails again, in a unit of work of the staff."""
    reason = _required(reason)
    ended = {"ended_at": at, "ended_by": by, "ended_reason": reason}
    if not MailStop.objects.filter(ended_at=None).update(**ended):
        raise Refused("decided-already")
    _audit("mail-goes-on", reason, by=by, at=at)


def claim(*, by: str, at: datetime) -> None:
    """Let this database send mail from now on, and no copy that was made before.

    Begins and ends a unit of work of its own.
    """
    mark = _new_mark()
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stamp, _ = MailStamp.objects.update_or_create(
            id=1, defaults={"mark": mark, "database": "", "restored_at": at}
        )
        _write_mark(stamp)
        _audit("mail-stamped", str(mark), by=by, at=at)


def _first_stamp() -> MailStamp:
    stamp, is_new = MailStamp.objects.get_or_create(
        id=1, defaults={"mark": _new_mark(), "database": ""}
    )
    if is_new:
        _write_mark(stamp)
    return stamp


def _this_installation() -> str:
    """Return an identifier of these tables and of the file that repeats their mark.

    With MAIL_STAMP there is no such file.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DATABASE)
        row: Sequence[str] = cursor.fetchone()
    if settings.MAIL_STAMP:
        return f"{row[0]}/0"
    try:
        # No tool can set the ctime: copying or overwriting a file renews it.
        changed = _file().stat().st_ctime_ns
    except FileNotFoundError:
        changed = 0
    return f"{row[0]}/{changed}"


def _file() -> Path:
    return Path(settings.VAR) / "mail-stamp"


def _new_mark() -> UUID:
    return (settings.MAIL_STAMP and _mark()) or uuid4()


def _mark() -> UUID | None:
    if settings.MAIL_STAMP:
        return uuid5(NAMESPACE_URL, settings.MAIL_STAMP)
    try:
        return UUID(_file().read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError):
        return None


def _write_mark(stamp: MailStamp) -> None:
    """Write the file of a stamp, and then the identity of that file into its row.

    Before the commit: without its row the file is overwritten the next time.
    """
    if not settings.MAIL_STAMP:
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text(f"{stamp.mark}\n", encoding="ascii")
    stamp.database = _this_installation()
    stamp.save(update_fields=["database"])


def _required(reason: str) -> str:
    if not (cleaned := one_line(reason)):
        raise Refused("reason-needed")
    return cleaned


def _audit(act: str, subject: str, *, by: str, at: datetime) -> None:
    audit_log.append(tenant_id=None, actor=by, act=act, subject=subject, at=at)
