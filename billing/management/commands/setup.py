"""Creates billing staff and a first tenant with all it needs."""

import secrets
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.coverage import licences
from billing.models import LicenceChange
from billing.periods.open_periods import open_until, record_licences
from portal.accounts import tokens
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.mail.file_backend import mail_folder
from portal.management import arguments
from portal.models import ApiToken, Role, Scope, StaffRole, Tenant, User
from portal.tenants import create
from portal.typed_text.clean import mail_address, one_line
from usage import tenant_keys
from usage.models import SealingKey
from usage.servers import keys as server_keys
from usage.usg.keyfiles import KeyFileError, Purpose, public_text, read_key

BY = "setup"

# The token of the servers that are set up first lasts as long as one can.
_TERMS = tokens.TokenTerms(lasts=tokens.LASTS_AT_MOST)


class Command(BaseCommand):
    help = (
        "Makes the first staff user, who opens tenants on the pages. With --number also"
        " a tenant with key, admin and an API token; prints what its servers need."
        " Run again, it adds what is new."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add(
            "--staff-email",
            type=arguments.address,
            required=True,
            help="a billing clerk who can sign in",
        )
        add(
            "--number",
            type=arguments.line,
            help="the tenant's number; without it no tenant is made",
        )
        add("--name", type=arguments.line, help="the tenant's name")
        add("--zone", type=arguments.line, help="its time zone, such as Europe/Berlin")
        add("--admin-email", type=arguments.address, help="its tenant admin")
        add(
            "--first-day",
            type=date.fromisoformat,
            help="from when it owes usage files, YYYY-MM-DD; today if not given",
        )
        add(
            "--licence",
            action="append",
            choices=[licences.MANUAL, licences.AUTOMATED, licences.VIRTUAL_CLOUD],
            help=f"a licence key that it holds; {licences.MANUAL} if none is given",
        )
        add("--new-token", action="store_true", help="make another API token")
        add(
            "--server",
            nargs=2,
            type=arguments.exact,
            action="append",
            default=[],
            metavar=("NAME", "KEYFILE"),
            help="a server and its public signing key; may be given several times",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Printed at the end: a later refusal may undo these steps.
        self._results: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["number"] is None:
            self._make_staff_only(options["staff_email"], at=now)
            return
        _require_all(options, "name", "zone", "admin_email")
        trusted = self._read_keys(options["server"])
        try:
            with unit_of_work.acting_for(unit_of_work.STAFF):
                tenant = self._tenant(options, at=now)
                self._person(options["staff_email"], staff_role=StaffRole.CLERK, at=now)
                admin = self._person(options["admin_email"], staff_role="", at=now)
                create.add_member(tenant.pk, user=admin, role=Role.ADMIN, by=BY, at=now)
                key = tenant_keys.handed_out_key(tenant.pk)
                key = key or tenant_keys.make_sealing_key(tenant.pk, by=BY, at=now)
            with unit_of_work.acting_for(tenant.pk):
                for name, public in trusted:
                    server_keys.register(
                        tenant.pk, name=name, public=public, by=BY, at=now
                    )
                    self._results.append(f"{name} is trusted.")
                secret = self._token(tenant, is_wanted=options["new_token"], at=now)
        except Refused as error:
            _, document = error_document(error)
            message = f"{document['title']} {document['advice']}"
            raise CommandError(message) from error
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self._print_results(tenant, key, secret)

    def _make_staff_only(self, email: str, *, at: datetime) -> None:
        try:
            with unit_of_work.acting_for(unit_of_work.STAFF):
                self._person(email, staff_role=StaffRole.CLERK, at=at)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self._print_lines(
            *self._results,
            f"Next: sign in at {settings.PORTAL_ADDRESS} and open the first tenant.",
            *_mail_lines(),
        )

    def _tenant(self, options: dict[str, Any], *, at: datetime) -> Tenant:
        found = Tenant.objects.filter(number=options["number"]).first()
        if found is not None:
            _require_same(found, options)
            self._results.append(f"Tenant {found.number} is there.")
            return found
        tenant = create.open_tenant(
            number=options["number"],
            name=options["name"],
            zone=options["zone"],
            first_owed_on=options["first_day"] or at.date(),
            by=BY,
            at=at,
        )
        # Without a licence key nothing is collected, so nothing would be owed.
        record_licences(
            tenant.pk,
            from_on=tenant.first_owed_on,
            licence_keys=options["licence"] or [licences.MANUAL],
            by=BY,
            at=at,
        )
        open_until(tenant, today=at.date(), at=at)
        return tenant

    def _person(self, email: str, *, staff_role: str, at: datetime) -> User:
        found = User.objects.filter(email=mail_address(email)).first()
        if found is not None:
            _require_staff(found, staff_role)
            self._results.append(
                f"{found.email} has an account; nothing was changed. To set another"
                ' password, use "Forgot your password?" on the sign-in page.'
            )
            return found
        password = secrets.token_urlsafe(16)
        user = create.add_person(
            email=email,
            name=email.split("@", maxsplit=1)[0],
            password=password,
            staff_role=staff_role,
            at=at,
        )
        self._results.append(f"{user.email} signs in with {password} (shown once)")
        return user

    def _print_lines(self, *lines: str) -> None:
        for line in lines:
            self.stdout.write(line)

    def _read_keys(self, given: list[list[str]]) -> list[tuple[str, bytes]]:
        # Before anything is created: a wrong path must not leave half a set-up behind.
        try:
            return [
                (one_line(name), read_key(Path(path), Purpose.SIGNING).public)
                for name, path in given
            ]
        except (OSError, KeyFileError) as error:
            raise CommandError(str(error)) from error

    def _token(self, tenant: Tenant, *, is_wanted: bool, at: datetime) -> str:
        if ApiToken.objects.filter(tenant=tenant).exists() and not is_wanted:
            return "made before; --new-token makes another"
        _, secret = tokens.issue(
            tenant.pk, name="setup", scope=Scope.UPLOAD, by=BY, at=at, terms=_TERMS
        )
        return f"{secret}   (shown once; it expires in {_TERMS.lasts.days} days)"

    def _print_results(self, tenant: Tenant, key: SealingKey, secret: str) -> None:
        write = self.stdout.write
        self._print_lines(*self._results)
        write(f"\nWhat a server of {tenant.number} needs:")
        write(f"  portal         {settings.PORTAL_ADDRESS}")
        write(f"  tenant         {tenant.number}")
        write(f"  API token      {secret}")
        write("  sealing key    this public key file:\n")
        write(public_text(Purpose.SEALING, bytes(key.public)))
        write(
            "A server signs its files with a key of its own. Its first files are held"
            " until that key is\nconfirmed, on the page Servers or with manage.py"
            " confirm_server_key. To trust the key at once,\ngive its public key"
            " file with --server NAME FILE."
        )
        self._print_lines(
            f"\nNext: sign in at {settings.PORTAL_ADDRESS}. The page of"
            f" {tenant.number} offers the server set-up, a zip\nfile with a new token"
            " and the sender.",
            *_mail_lines(),
        )


def _require_staff(person: User, role: str) -> None:
    """Refuse an account that is not a clerk's: staff pages are closed to it."""
    if role and person.staff_role != role:
        message = (
            f"{person.email} has an account that is not a billing clerk's. Give another"
            " address with --staff-email."
        )
        raise CommandError(message)


def _mail_lines() -> Iterator[str]:
    """Yield a line that names the folder of mails, unless a mail server is set."""
    folder = mail_folder()
    if folder is not None:
        yield f"Until EMAIL_URL is set, mails are files in {folder}."


def _require_same(tenant: Tenant, options: dict[str, Any]) -> None:
    """Refuse options that differ from the existing tenant; they change nothing."""
    with_licences = LicenceChange.objects.filter(tenant=tenant).order_by("-from_on")
    latest = with_licences.values_list("keys", flat=True).first()
    current = {
        "name": tenant.name,
        "zone": tenant.zone,
        "first_day": tenant.first_owed_on,
        "licence": sorted(latest or []),
    }
    if options["licence"]:
        options = {**options, "licence": sorted(set(options["licence"]))}
    differing = [
        f"--{name.replace('_', '-')} (it is {_shown(current[name])})"
        for name in current
        if options[name] and options[name] != current[name]
    ]
    if differing:
        message = (
            f"Tenant {tenant.number} is there, and this command changes nothing of it:"
            f" {', '.join(differing)}. Leave these out, or change them on its page."
        )
        raise CommandError(message)


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _require_all(options: dict[str, Any], *names: str) -> None:
    for name in names:
        if options[name] is None:
            message = f"A tenant needs --{name.replace('_', '-')} too."
            raise CommandError(message)
