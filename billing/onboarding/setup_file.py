"""Makes the set-up of a customer's servers: key, new token, senders and commands."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from django.conf import settings
from django.template.loader import render_to_string

from portal.accounts import tokens
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import AccountMailKind, Scope, Tenant
from portal.people.tell_admins import tell_admins
from usage import tenant_keys
from usage.sender.access_target import access_target
from usage.sender.package import FILE_NAME, sender_file
from usage.sender.script import SCRIPT_NAME, sender_script
from usage.usg.keyfiles import Purpose, public_text

# Servers are set up once and then run by themselves, so their token lasts as long as
# one can. It is the tenant's, and does not end with the clerk who hands it over.
_TERMS = tokens.TokenTerms(lasts=tokens.LASTS_AT_MOST)


@dataclass(frozen=True, slots=True)
class SetupFile:
    """A zip archive: its name, and its bytes."""

    name: str
    data: bytes


def make_setup_file(tenant: Tenant, *, by: str, at: datetime) -> SetupFile | None:
    """Issue a token and pack the set-up; None if the tenant has no sealing key.

    The token is stored as a hash only, so this file is the only place that has it.
    The instructions and the token have the line ends of Windows.
    """
    with unit_of_work.acting_for(tenant.pk):
        key = tenant_keys.handed_out_key(tenant.pk)
        if key is None:
            return None
        name = f"server set-up {at:%Y-%m-%d}"
        token, secret = tokens.issue(
            tenant.pk, name=name, scope=Scope.UPLOAD, by=by, at=at, terms=_TERMS
        )
        _record(tenant.pk, name, key=key.fingerprint, by=by, at=at)
    shown = {
        "portal": settings.PORTAL_ADDRESS,
        "tenant": tenant,
        "fingerprint": key.fingerprint,
        "token_name": name,
        "token_ends_at": token.expires_at,
        "at": at,
        "by": by,
    }
    text = render_to_string("billing/onboarding/server-setup.txt", shown)
    public = public_text(Purpose.SEALING, bytes(key.public))
    target = access_target()
    files = {
        # With a byte order mark, which Notepad of older Windows needs.
        "READ-ME-FIRST.txt": text.replace("\n", "\r\n").encode("utf-8-sig"),
        "usage.token": f"{secret}\r\n".encode(),
        "sealing.key.pub": public.encode(),
        FILE_NAME: sender_file(settings.PORTAL_ADDRESS, target),
        SCRIPT_NAME: sender_script(settings.PORTAL_ADDRESS, target),
    }
    return SetupFile(f"usage-portal-{tenant.number}.zip", _packed(files, at=at))


def _record(tenant_id: int, name: str, *, key: str, by: str, at: datetime) -> None:
    """Record who has downloaded a set-up, and mail the tenant admins."""
    audit_log.append(
        tenant_id=tenant_id,
        actor=by,
        act="set-up-handed-over",
        subject=name,
        details={"key": key},
        at=at,
    )
    tell_admins(
        AccountMailKind.SETUP_FILE, tenant_id, by=by, at=at, details={"token": name}
    )


def _packed(files: Mapping[str, bytes], *, at: datetime) -> bytes:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            # unzip makes each file readable by its owner only: one of them is a token.
            entry.external_attr = 0o600 << 16
            packed.writestr(entry, data)
    return archive.getvalue()
