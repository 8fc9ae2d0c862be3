"""Every page is readable by everybody: narrow, zoomed, light and dark.

An endpoint that shows a page and has no place in `WALK` fails the first test, so that
none is forgotten.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from billing.coverage.periods import Period
from billing.lateness import check as late_check
from billing.mail import contacts
from billing.models import LateContact, Reminder, SafetyStop
from billing.notes import record
from billing.notes.record import NoteAuthor
from billing.periods import open_periods
from billing.reminders import plan as reminder_plan
from billing.reminders import send as reminder_send
from billing.statements import issue
from billing.statements.issue import IssueRequest
from portal.accounts import password_links
from portal.db import unit_of_work
from portal.http.endpoints import ENDPOINTS
from portal.models import AddressChange, ApiToken, Role, Scope, Tenant, User
from portal.people import address_change
from portal.people.invite import InvitedPerson, Inviter, invite_member
from portal.people.links import new_secret
from tests.access import two_companies
from tests.access.matrix import ROWS, is_for_staff
from tests.access.two_companies import TwoCompanies, build, callers, charlies
from tests.browser.axe import assert_accessible
from tests.browser.conftest import Open
from tests.builders import NOW, Company, open_company
from tests.usage.files.customer_pages import confirm
from usage import tenant_keys
from usage.connectivity.results import ReportedAccess, record_access
from usage.models import How, ServerKey, UsageFile
from usage.sender.access_target import access_target
from usage.servers import end_keys
from usage.uploads.record import (
    ReportedItem,
    UploadReport,
    UploadSender,
    record_report,
)
from usage.usg.client.access_probe import NameProbe, ProbeOutcome

pytestmark = pytest.mark.browser

# Windows that everything has to fit, as a desk's screen and a narrow phone show it.
DESK, NARROW = {"width": 1280, "height": 800}, {"width": 320, "height": 700}


@dataclass(frozen=True, slots=True)
class CompanyPages:
    """A company with a file of every kind, and its things by their names."""

    companies: TwoCompanies
    files: Mapping[str, UsageFile]
    mail: int
    note: int
    keys: tuple[int, ...]
    invitations: tuple[str, ...]
    """The links of an invitation to a new person, and of one to the partner."""
    contact: str
    address: str

    def file(self, name: str) -> str:
        return str(self.files[name].pk)


Paths = Callable[[CompanyPages], tuple[str, ...]]

NOBODY, PARTNER, VIEWER, CLERK = "nobody", "partner", "viewer", "clerk"


def of_tenant(end: str) -> tuple[tuple[str, ...], Paths]:
    """Return a page about a company that a clerk opens, by the end of its address."""
    return (CLERK,), lambda _: (f"/staff/tenants/{two_companies.SECRET_NUMBER}{end}",)


# The callers that open the pages of each endpoint, and the pages that they open.
WALK: Mapping[str, tuple[tuple[str, ...], Paths]] = {
    "sign-in": ((NOBODY,), lambda _: ("/sign-in", "/sign-in?next=/&ended=yes")),
    "forgotten": ((NOBODY,), lambda _: ("/forgotten",)),
    "forgotten-sent": ((NOBODY,), lambda _: ("/forgotten/sent",)),
    "new-password": (
        (NOBODY,),
        lambda scene: ("/new-password/1/x", link_of(scene.companies.alice)),
    ),
    "api:openapi-view": ((NOBODY,), lambda _: ("/api/v1/docs",)),
    "second-factor-set-up": ((PARTNER,), lambda _: ("/second-factor/set-up",)),
    "second-factor-set-up-app": (
        (PARTNER,),
        lambda _: ("/second-factor/set-up/app",),
    ),
    "second-factor-set-up-passkey": (
        (PARTNER,),
        lambda _: ("/second-factor/set-up/passkey",),
    ),
    "second-factor-manage": (
        (PARTNER, CLERK),
        lambda _: ("/second-factor/manage?done=added",),
    ),
    "confirm-identity": ((PARTNER,), lambda _: ("/confirm?next=/files",)),
    "home": ((PARTNER,), lambda _: ("/",)),
    "signed-in": (
        (PARTNER,),
        lambda scene: ("/signed-in", f"/signed-in?for={scene.companies.charlie.id}"),
    ),
    "switch": ((PARTNER,), lambda _: ("/switch",)),
    "change-password": (
        (PARTNER,),
        lambda _: ("/change-password", "/change-password?changed=yes"),
    ),
    "upload-page": (
        (PARTNER, VIEWER),
        lambda _: (
            f"/upload?period=2026-05&server={two_companies.SECRET_SERVER}&day=2026-05-01",
        ),
    ),
    "statements-page": ((PARTNER,), lambda _: ("/billing-data",)),
    "statement-page": (
        (PARTNER, VIEWER),
        lambda _: (
            "/billing-data/2026-05",
            "/billing-data/2026-05?version=draft",
            "/billing-data/2026-06",
            "/billing-data/2031-01",
        ),
    ),
    "statement-day": (
        (PARTNER, VIEWER),
        lambda _: (
            "/billing-data/2026-05/days/2026-05-14",
            f"/billing-data/2026-05/days/{two_companies.DAY}",
        ),
    ),
    "excuses-page": (
        (PARTNER, VIEWER),
        lambda _: (
            "/excuses",
            f"/excuses?period=2026-05&server={two_companies.SECRET_SERVER}",
        ),
    ),
    "licences-page": ((PARTNER, VIEWER), lambda _: ("/licences",)),
    "uploads-page": ((PARTNER, VIEWER), lambda _: ("/uploads",)),
    "upload-run-page": (
        (PARTNER, VIEWER),
        lambda scene: (f"/uploads/{scene.companies.ids['alice'].upload}",),
    ),
    "files-page": (
        (PARTNER,),
        lambda _: ("/files", "/files?state=received"),
    ),
    "file-page": (
        (PARTNER,),
        lambda scene: tuple(
            f"/files/{scene.file(name)}" for name in ("long", "held", "bad", "other")
        ),
    ),
    "safe-to-delete": ((PARTNER,), lambda _: ("/safe-to-delete",)),
    "servers-page": ((PARTNER, VIEWER), lambda _: ("/servers",)),
    "servers-key": (
        (PARTNER, VIEWER),
        lambda scene: tuple(f"/servers/keys/{key}" for key in scene.keys),
    ),
    "access-page": ((VIEWER,), lambda _: ("/access",)),
    "disk-space-page": (
        (VIEWER,),
        lambda _: ("/disk-space?users=100&logins=0", "/disk-space?users=100&logins=4"),
    ),
    "automation-page": ((PARTNER, VIEWER), lambda _: ("/automation",)),
    "automation-runs": (
        (VIEWER,),
        lambda _: (f"/automation/runs?machine={'server' * 16}",),
    ),
    "token-new": ((PARTNER,), lambda _: ("/automation/tokens/new",)),
    "token-page": (
        (PARTNER, VIEWER),
        lambda scene: (
            f"/automation/tokens/{scene.companies.ids['alice'].token}",
            f"/automation/tokens/{limited_token(scene.companies.alice)}",
        ),
    ),
    "staff-new-token": of_tenant("/tokens/new"),
    "sessions-page": ((PARTNER,), lambda _: ("/sessions",)),
    "security-events": ((PARTNER,), lambda _: ("/security-events",)),
    "member-sessions": (
        (PARTNER,),
        lambda scene: (
            f"/people/{scene.companies.alice.people['viewer'].pk}/sessions",
        ),
    ),
    "member-events": (
        (PARTNER,),
        lambda _: ("/people/security-events", "/people/security-events?person=nobody"),
    ),
    "staff-person-sessions": (
        (CLERK,),
        lambda scene: (
            f"/staff/people/{scene.companies.alice.people['admin'].pk}/sessions",
        ),
    ),
    "staff-events": (
        (CLERK,),
        lambda _: ("/staff/security-events", "/staff/security-events?kind=signed-in"),
    ),
    "people-page": ((PARTNER, VIEWER), lambda _: ("/people",)),
    "history-page": (
        (PARTNER,),
        lambda _: ("/people/history", "/people/history?act=group:files&who=nobody"),
    ),
    "people-invite": ((PARTNER,), lambda _: ("/people/invite",)),
    "people-member": (
        (PARTNER,),
        lambda scene: tuple(
            f"/people/members/{scene.companies.alice.people[one].pk}"
            for one in ("admin", PARTNER)
        ),
    ),
    "people-leave": ((PARTNER, VIEWER), lambda _: ("/people/leave",)),
    "people-require-factor": ((PARTNER,), lambda _: ("/people/second-factor",)),
    "invitation": (
        (NOBODY, PARTNER),
        lambda scene: ("/invitations/x", *scene.invitations),
    ),
    "confirm-contact": (
        (NOBODY,),
        lambda scene: ("/late-contact/x", scene.contact),
    ),
    "profile": ((PARTNER, CLERK), lambda _: ("/profile",)),
    "profile-address": ((PARTNER,), lambda _: ("/profile/address",)),
    "confirm-address": (
        (PARTNER,),
        lambda scene: ("/new-address/x", scene.address),
    ),
    "staff-people": ((CLERK,), lambda _: ("/staff/people",)),
    "staff-invite-staff": ((CLERK,), lambda _: ("/staff/people/invite",)),
    "staff-person": (
        (CLERK,),
        lambda scene: tuple(
            f"/staff/people/{scene.companies.alice.people[one].pk}"
            for one in ("admin", CLERK)
        ),
    ),
    "staff-mail": (
        (CLERK,),
        lambda _: (
            "/staff/mail",
            "/staff/mail?kind=statement",
            "/staff/mail?kind=receipt",
            "/staff/mail?kind=digest",
            "/staff/mail?kind=next",
        ),
    ),
    "staff-mail-one": ((CLERK,), lambda scene: (f"/staff/mail/reminder/{scene.mail}",)),
    "staff-desk": (
        (CLERK,),
        lambda _: ("/staff/?period=2026-05", "/staff/?period=2026-05&standing=late"),
    ),
    "staff-selected": (
        (CLERK,),
        lambda scene: tuple(
            f"/staff/selected?period=2026-05&act={act}&tenant={scene.companies.alice.id}"
            for act in ("remind", "extend&to=2026-07-01&reason=Ill")
        ),
    ),
    "staff-tenants": ((CLERK,), lambda _: ("/staff/tenants", "/staff/tenants?q=no")),
    "staff-open-tenant": ((CLERK,), lambda _: ("/staff/open-tenant",)),
    "staff-tenant": (
        (CLERK,),
        lambda _: (
            f"/staff/tenants/{two_companies.SECRET_NUMBER}",
            f"/staff/tenants/{two_companies.SECRET_NUMBER}?period=2026-05",
        ),
    ),
    "staff-tenant-decide": of_tenant("/to-decide"),
    "staff-tenant-servers": of_tenant("/servers"),
    "staff-server-key": (
        (CLERK,),
        lambda scene: tuple(
            f"/staff/tenants/{two_companies.SECRET_NUMBER}/server-keys/{key}"
            for key in scene.keys
        ),
    ),
    "staff-tenant-automation": (
        (CLERK,),
        lambda _: tuple(
            f"/staff/tenants/{two_companies.SECRET_NUMBER}/automation{one}"
            for one in ("", f"?machine={'server' * 16}")
        ),
    ),
    "staff-tenant-people": of_tenant("/people"),
    "staff-tenant-mail": of_tenant("/mail"),
    "staff-tenant-settings": of_tenant("/settings"),
    "staff-tenant-notes": of_tenant("/notes"),
    "staff-tenant-history": of_tenant("/history"),
    "staff-audit-trail": (
        (CLERK,),
        lambda _: (
            "/staff/audit-trail",
            f"/staff/audit-trail?tenant={two_companies.SECRET_NUMBER}",
            "/staff/audit-trail?tenant=none",
        ),
    ),
    "staff-change-zone": of_tenant("/zone"),
    "staff-correct-zone": of_tenant("/correct-zone"),
    "staff-correct-note": (
        (CLERK,),
        lambda scene: (
            f"/staff/tenants/{two_companies.SECRET_NUMBER}/notes/{scene.note}",
        ),
    ),
    "staff-tenant-files": (
        (CLERK,),
        lambda _: (f"/staff/tenants/{two_companies.SECRET_NUMBER}/files",),
    ),
    "staff-upload": (
        (CLERK,),
        lambda _: (f"/staff/tenants/{two_companies.SECRET_NUMBER}/upload",),
    ),
    "staff-statement-day": (
        (CLERK,),
        lambda _: (
            f"/staff/tenants/{two_companies.SECRET_NUMBER}/statements/2026-05"
            "/days/2026-05-14",
        ),
    ),
    "staff-statement": (
        (CLERK,),
        lambda _: tuple(
            f"/staff/tenants/{two_companies.SECRET_NUMBER}/statements/{one}"
            for one in ("2026-05", "2026-05?version=draft", "2026-06", "2031-01")
        ),
    ),
    "staff-month-end": (
        (CLERK,),
        lambda _: (
            "/staff/month-end?period=2026-05",
            "/staff/month-end?period=2026-05&kind=ready",
            "/staff/month-end?period=2031-01",
        ),
    ),
    "staff-catalogue": ((CLERK,), lambda _: ("/staff/catalogue",)),
    "staff-start": ((CLERK,), lambda _: ("/staff",)),
    "staff-undecided": ((CLERK,), lambda _: ("/staff/late/undecided",)),
    "staff-release": ((CLERK,), lambda _: ("/staff/late/2026-04/release",)),
    "staff-late": ((CLERK,), lambda _: ("/staff/late", "/staff/late?kind=void")),
    "staff-held": ((CLERK,), lambda _: ("/staff/held",)),
    "staff-forwarding": ((CLERK,), lambda _: ("/staff/forwarding",)),
    "staff-inbox": ((CLERK,), lambda _: ("/staff/inbox",)),
    "staff-held-file": (
        (CLERK,),
        lambda scene: tuple(
            f"/staff/held/{scene.file(name)}" for name in ("held", "rival", "clock")
        ),
    ),
}

# Where there is no page, or none for whoever asks.
REFUSALS: tuple[tuple[str, str], ...] = (
    (NOBODY, "/nowhere"),
    (PARTNER, "/staff/tenants"),
)


def link_of(company: Company) -> str:
    return urlsplit(password_links.password_link(company.people["viewer"])).path


@pytest.fixture
def scene(db: None, clerk: Company, settings: Any) -> CompanyPages:
    companies = build()
    alice, charlie = companies.alice, companies.charlie
    alice.people |= {PARTNER: companies.partner, CLERK: clerk.people["clerk"]}
    server = alice.registered("IC01")
    days = [two_companies.DAY + timedelta(days=number) for number in range(3)]
    files = {"long": alice.send(server.day(days[0]), name=f"{'long' * 40}.usg")[0]}
    issue_incomplete(alice)
    alice.send(server.day(days[1]))
    confirm(alice)
    server.sequence -= 1
    files["rival"], _ = alice.send(server.day(days[1], zone="UTC"), name="rival.usg")
    files["clock"], _ = alice.send(server.day(days[2], zone="Mars/Olympus"))
    own = {file.name: file for file in alice.files()}
    files["held"] = own[f"held-{two_companies.SECRET_FILE}"]
    files["bad"] = own[f"bad-{two_companies.SECRET_FILE}"]
    files["other"] = charlie.files()[0]
    assert [files[one].state for one in ("long", "rival", "clock", "held")] == [
        "accepted",
        *["held"] * 3,
    ]
    settings.INBOX_BUCKET = ""
    open_periods.open_current_periods(today=date(2026, 7, 10), at=NOW)
    assert late_check.check_lateness(datetime(2026, 7, 20, tzinfo=UTC)).raised
    with unit_of_work.acting_for(unit_of_work.STAFF):
        SafetyStop.objects.create(period="2026-04", found=40, usual=3.5, raised_at=NOW)
    report_access(alice)
    report_run(alice)
    note = noted(alice, clerk.people["clerk"])
    return CompanyPages(
        companies,
        files,
        mail=mailed(alice),
        note=note,
        keys=keys_of(alice),
        **links(companies),
    )


def keys_of(company: Company) -> tuple[int, ...]:
    """Return a server key in each state, one of them revoked for a long reason.

    There is another sealing key, so that the first one can be retired.
    """
    company.registered("IC02")
    stranger = company.writer("IC03")
    company.send(stranger.day(two_companies.DAY))
    states = ("proposed", "confirmed", "refused", "revoked")
    ended = {"by": "clerk", "at": NOW, "reason": "long " * 100}
    with unit_of_work.acting_for(unit_of_work.STAFF):
        tenant_keys.make_sealing_key(company.id, by="clerk", at=NOW)
        keys = ServerKey.objects.filter(tenant=company.id)
        revoked = keys.get(server__name="IC02").pk
        refused = keys.get(server__name="IC03").pk
    end_keys.revoke_key(company.id, key_id=revoked, **ended)  # type: ignore[arg-type]  # by, at and reason
    end_keys.refuse_key(company.id, key_id=refused, **ended)  # type: ignore[arg-type]  # the same
    with unit_of_work.acting_for(company.id, reading=True):
        found = dict(ServerKey.objects.order_by("pk").values_list("state", "pk"))
    return tuple(found[state] for state in states)


def links(companies: TwoCompanies) -> dict[str, Any]:
    """Make a link of each kind, with long names; return their paths."""
    alice, at = companies.alice, timezone.now()
    inviter = Inviter("test")
    invited = [
        InvitedPerson("long" * 15 + "@new.example", Role.ADMIN, "Long" * 40),
        InvitedPerson(companies.partner.email, Role.VIEWER),
    ]
    third = open_company("T-300", name="Third " * 30, zone="Europe/Paris")
    found = {}
    with unit_of_work.acting_for(unit_of_work.STAFF):
        made = [
            invite_member(one_of, one, by=inviter, at=at)
            for one_of, one in zip((alice.id, third.id), invited, strict=True)
        ]
        contacts.choose_contact(
            alice.id, address="boss@new.example", by="long" * 40, at=at
        )
        address_change.request_change(
            companies.partner.pk, "partner@new.example", at=at
        )
        rows: dict[str, Any] = {
            "contact": LateContact.objects.get(),
            "address": AddressChange.objects.get(),
            **{str(one.pk): one for one in made},
        }
        for name, row in rows.items():
            found[name], row.digest = new_secret()
            row.save()
    return {
        "invitations": tuple(f"/invitations/{found[str(one.pk)]}" for one in made),
        "contact": f"/late-contact/{found['contact']}",
        "address": f"/new-address/{found['address']}",
    }


def issue_incomplete(company: Company) -> None:
    """Issue a version, which is followed by a draft once another file is accepted."""
    terms = IssueRequest(
        period=Period(2026, 5),
        by="clara",
        at=datetime(2026, 7, 10, tzinfo=UTC),
        reason="The server burnt.",
        with_incomplete=True,
    )
    issue.issue(company.id, terms)


def report_access(company: Company) -> None:
    """Report a machine with a long name that a proxy does not let through."""
    wanted = access_target().names
    bucket, service = (
        [
            NameProbe(name=name, outcome=ProbeOutcome.PROXY_SIGN_IN, detail="long" * 40)
            for name in names
        ]
        for names in (wanted.bucket, wanted.service)
    )
    reported = ReportedAccess("server" * 16, bucket, service)
    record_access(company.id, reported, by="token demo", at=NOW)


def limited_token(company: Company) -> int:
    """Return a token with as many limits, and as long ones, as there can be."""
    ranges = [f"2001:db8:ffff:{number:x}::/64" for number in range(20)]
    company.issue(Scope.UPLOAD, server="S" * 128, networks=ranges)
    with unit_of_work.acting_for(company.id, reading=True):
        return ApiToken.objects.latest("pk").pk


def report_run(company: Company) -> None:
    """Report a run of a machine with long names that was interrupted, and failed."""
    sender = UploadSender(
        tenant_id=company.id,
        how=How.API,
        name="token demo",
        machine="server" * 16,
        version=f"usage-sender 0.1 {'x' * 40}",
        sent_from="2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    )
    failed = ReportedItem(number=0, name=f"{'long' * 40}.usg", size=9, outcome="failed")
    record_report(sender, UUID(int=7), UploadReport(files=2, items=[failed]), at=NOW)


def noted(company: Company, author: User) -> int:
    """Have a clerk write a long note about a company, and return its number."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.get(pk=company.id)
    note = record.write_note(
        tenant,
        text=f"Called Ida.\n{'Long' * 60}",
        author=NoteAuthor(user_id=author.pk, name=author.email),
        at=NOW,
    )
    return note.pk


def mailed(company: Company) -> int:
    """Have the company's admins reminded, and return the number of one of the mails."""
    ended_at = datetime(2026, 5, 28, 9, tzinfo=ZoneInfo(company.zone))
    open_periods.open_current_periods(today=two_companies.DAY, at=NOW)
    assert reminder_plan.plan_reminders(at=ended_at) > 0
    while reminder_send.send_waiting(now=lambda: ended_at):
        pass
    with unit_of_work.acting_for(company.id, reading=True):
        return Reminder.objects.values_list("pk", flat=True)[0]


def pages_of(scene: CompanyPages, who: str) -> Iterator[str]:
    for people, paths in WALK.values():
        if who in people:
            yield from paths(scene)
    yield from (path for one, path in REFUSALS if one == who)


# The clerk has some forty pages, each in six ways.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("who", [NOBODY, PARTNER, VIEWER, CLERK])
def test_every_page_fits_and_can_be_read_by_everybody(
    open_page: Open, scene: CompanyPages, who: str
) -> None:
    company = None if who == NOBODY else scene.companies.alice
    page = open_page(company, "/api/v1/docs", role=who, viewport=DESK)
    if who == PARTNER:
        page.goto("/switch")
        page.get_by_role(
            "button", name=f"Switch to {two_companies.SECRET_NAME}"
        ).click()
        page.wait_for_url("**/")
    wrong = {}
    for path in pages_of(scene, who):
        page.set_viewport_size(DESK)  # type: ignore[arg-type]  # a plain dict of both
        page.goto(path)
        assert_accessible(page)
        wrong[path] = too_wide(page)
    assert {path: found for path, found in wrong.items() if found} == {}


def too_wide(page: Page) -> list[str]:
    """Name the windows and zooms in which the page as a whole is scrolled sideways."""
    found = [] if fits(page) else ["1280 px"]
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    found += [] if fits(page) else ["text of 200 %"]
    page.evaluate("document.documentElement.style.fontSize = ''")
    # A desk's screen at 200 %: half as many pixels of twice the size.
    wire = page.context.new_cdp_session(page)
    zoomed = {"width": 640, "height": 400, "deviceScaleFactor": 2, "mobile": False}
    wire.send("Emulation.setDeviceMetricsOverride", zoomed)
    found += [] if fits(page) else ["zoom of 200 %"]
    wire.send("Emulation.clearDeviceMetricsOverride")
    wire.detach()
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a plain dict of both
    found += [] if fits(page) else ["320 px"]
    return found


def fits(page: Page) -> bool:
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth"
            " <= document.documentElement.clientWidth"
        )
    )


def test_an_endpoint_that_is_not_in_the_walk_shows_no_page(scene: CompanyPages) -> None:
    companies = scene.companies
    partner = next(
        one for one in charlies(companies) if one.name == "partner for charlie"
    )
    clerk = next(one for one in callers(companies) if one.name == "session of clerk")
    getting = {name for name, methods in ENDPOINTS.items() if "GET" in methods}
    # Figures are for whoever knows a token that an installation has set, a calendar of
    # deadlines for whoever knows a private address; a mail that goes out next is shown
    # as one that waits.
    # The address of a list of users leads to its day; the second factor is asked for
    # while a sign-in waits for it (test_passkeys.py).
    apart = {"metrics", "calendar-feed", "staff-mail-next", "statement-users"}
    apart |= {"second-factor"}
    others = getting - set(WALK) - apart
    kinds = {}
    for name in sorted(others):
        # What the staff export or ask for is for them alone.
        who = clerk if is_for_staff(name) else partner
        answer = who.call("GET", ROWS[name].path(companies.ids["charlie"]))
        if name == "favicon":
            continue  # which leads to a picture
        assert answer.status_code == 200, name
        answer.close()  # a person has two downloads at a time
        kinds[name] = answer.headers["Content-Type"].partition(";")[0]
    assert [name for name, kind in kinds.items() if "html" in kind] == []
    assert all(ENDPOINTS[name].get("GET") for name in WALK)
