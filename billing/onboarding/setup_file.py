"""Makes the set-up file for a customer's servers: key, new token and commands."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string

from portal.accounts import tokens
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import Scope, Tenant
from usage.models import SealingKey
from usage.usg.keyfiles import Purpose, public_text


@dataclass(frozen=True, slots=True)
class SetupFile:
    """The file: its name, and its text with the line ends that Windows expects."""

    name: str
    text: str


def make_setup_file(tenant: Tenant, *, by: str, at: datetime) -> SetupFile | None:
    """Issue a token and render the file with it; None without a sealing key.

    The token is stored as a hash only, so this file is the only place that has it.
    """
    with unit_of_work.acting_for(tenant.pk):
        key = SealingKey.objects.order_by("-created_at", "-pk").first()
        if key is None:
            return None
        name = f"server set-up {at:%Y-%m-%d}"
        _, secret = tokens.issue(tenant.pk, name=name, scope=Scope.UPLOAD, by=by, at=at)
        audit_log.append(
            tenant_id=tenant.pk,
            actor=by,
            act="set-up-handed-over",
            subject=name,
            details={"key": key.fingerprint},
            at=at,
        )
    shown = {
        "portal": settings.PORTAL_ADDRESS,
        "tenant": tenant,
        "key_text": public_text(Purpose.SEALING, bytes(key.public)).strip(),
        "fingerprint": key.fingerprint,
        "token": secret,
        "token_name": name,
        "at": at,
        "by": by,
    }
    text = render_to_string("billing/onboarding/server-setup.txt", shown)
    return SetupFile(
        name=f"usage-portal-{tenant.number}.txt", text=text.replace("\n", "\r\n")
    )
