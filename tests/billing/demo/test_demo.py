"""The demo data is made by the product's own functions, and only once."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from billing.coverage.periods import Period
from billing.demo import build as demo_build
from billing.demo import history as demo_history
from billing.demo import personas
from billing.demo import statements as demo_statements
from billing.demo.build import Demo
from billing.demo.statements import DemoMonths
from billing.models import (
    CurrentStatement,
    LateFlag,
    Reminder,
    Statement,
    StatementMail,
)
from billing.periods import queries as period_queries
from portal.accounts import token_sign_in
from portal.db import unit_of_work
from portal.models import AuditEntry, Membership, Tenant, User
from tests.billing.lateness.late_tenants import flags, open_short
from tests.billing.reminders.tenant_with_gaps import open_periods, rows
from tests.builders import Company
from usage.models import Forwarding, ServerKey, UsageFile
from usage.uploads import judge
from usage.usg.keyfiles import Purpose, read_private

# Just after the deadlines of the period before: the fewer days, the fewer files.
NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
RUNNING = Period(2026, 11)

FOLDER = "portal.mail.file_backend.FolderBackend"
SMTP = "portal.mail.smtp_backend.SmtpBackend"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer periods, servers and logins: what is made is the same in kind."""
    monkeypatch.setattr(demo_build, "_PERIODS", 2)
    smaller = tuple(
        replace(persona, server_names=persona.server_names[:1], users=5)
        for persona in personas.PERSONAS
    )
    monkeypatch.setattr(personas, "PERSONAS", smaller)


def make(folder: Path) -> Demo:
    made = Demo(folder, at=NOW, log=lambda _: None)
    made.make()
    return made


def counts() -> dict[str, Any]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return {
            "files": Counter(UsageFile.objects.values_list("tenant__number", "state")),
            "forwarding": Forwarding.objects.count(),
            "keys": ServerKey.objects.count(),
            "people": User.objects.count(),
            "members": Membership.objects.count(),
            "audit": AuditEntry.objects.count(),
        }


def test_three_tenants_stand_differently(db: None, small: None, tmp_path: Path) -> None:
    made = make(tmp_path / "demo").as_json("http://x")
    standings = {}
    for tenant in made["tenants"]:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            pk = Tenant.objects.get(number=tenant["number"]).pk
        with unit_of_work.acting_for(pk, reading=True):
            view = period_queries.view_period(RUNNING.previous(), at=NOW)
        standings[tenant["number"]] = view.judgement.standing.value
        assert list(Path(tenant["usage_directory"]).glob("*.usg"))
    assert standings == {"100417": "complete", "100582": "late", "100733": "late"}


def test_a_found_file_makes_a_second_version_of_a_statement(
    db: None, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = FOLDER
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    first, *others = personas.PERSONAS
    few = replace(first, server_names=(first.lost_server,), users=5)
    monkeypatch.setattr(personas, "PERSONAS", (few,))
    made = make(tmp_path / "demo")
    for _ in range(2):
        made.make_statements()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        found = [
            (one.period, one.version, one.reason != "")
            for one in Statement.objects.order_by("position")
        ]
        running = CurrentStatement.objects.get(period=str(RUNNING))
        late = LateFlag.objects.exists()
        mails = list(StatementMail.objects.order_by("pk"))
    # Each is mailed when it is issued, before the next version.
    about = [(one.period, one.version, one.outcome) for one in mails]
    assert about == [(period, version, "sent") for period, version, _ in found]
    assert {one.recipient for one in mails} == {personas.ADMIN}
    assert all(one.planned_at == one.sent_at for one in mails)
    assert max(one.planned_at for one in mails) < NOW
    assert len(list((tmp_path / "mail").iterdir())) == len(mails)
    assert found == [
        ("2026-09", 1, False),
        ("2026-10", 1, False),
        ("2026-09", 2, True),
    ]
    assert running.state == "provisional"
    assert (late, others[0].lost_server) == (False, "")


def test_making_it_again_changes_nothing(db: None, small: None, tmp_path: Path) -> None:
    first = make(tmp_path / "demo").as_json("http://x")
    secrets = tmp_path / "demo" / "demo.json"
    assert secrets.stat().st_mode & 0o077 == 0
    before = counts()
    assert make(tmp_path / "demo").as_json("http://x") == first
    assert counts() == before


def test_an_interrupted_demo_goes_on_where_it_stopped(
    db: None, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = judge.receive_and_judge, 0

    def dies(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(judge, "receive_and_judge", dies)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path / "demo")
    make(tmp_path / "demo")
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        names = list(UsageFile.objects.values_list("tenant__number", "name", "state"))
    assert len(names) == len({(number, name) for number, name, _ in names})
    assert {state for _, _, state in names} == {"accepted"}


def test_what_it_says_lets_people_scripts_and_servers_in(
    db: None, small: None, tmp_path: Path
) -> None:
    made = make(tmp_path / "demo").as_json("http://x")
    for user in made["users"]:
        assert Client().login(username=user["email"], password=user["password"])
    for tenant in made["tenants"]:
        header = f"Bearer {tenant['token']}"
        caller = token_sign_in.sign_in(header, address="127.0.0.1", at=NOW)
        assert caller.tenant_id is not None
        for server in tenant["servers"]:
            read_private(Path(server["signing_key_file"]), Purpose.SIGNING)
        read_private(Path(tenant["opening_key_file"]), Purpose.SEALING)
        assert Path(tenant["sealing_key_file"]).is_absolute()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert not Tenant.objects.exclude(is_demo=True).exists()
        assert not User.objects.exclude(is_demo=True).exists()


def test_the_command_prints_json_for_scripts_and_sign_ins_for_people(
    db: None, small: None, settings: Any, tmp_path: Path
) -> None:
    settings.VAR = tmp_path
    settings.EMAIL_BACKEND = FOLDER
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    settings.INBOX_BUCKET = ""
    out, progress = StringIO(), StringIO()
    call_command("demo", "--json", stdout=out, stderr=progress)
    found = json.loads(out.getvalue())
    assert {tenant["number"] for tenant in found["tenants"]} == {
        "100417",
        "100582",
        "100733",
    }
    assert "files sent" in progress.getvalue()
    out = StringIO()
    call_command("demo", "--sign-ins", stdout=out)
    for user in found["users"]:
        assert user["password"] in out.getvalue()
    # Its past is made once: who gets reminders from now on gets none of it.
    with unit_of_work.acting_for(unit_of_work.STAFF):
        count = Reminder.objects.count()
        assert count
        Membership.objects.update(gets_reminders=True)
    for arguments in (("--json",), ("--silent",)):
        call_command("demo", *arguments, stdout=StringIO(), stderr=StringIO())
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Reminder.objects.count() == count


def test_late_periods_of_the_demo_are_named_in_one_mail(
    db: None, settings: Any, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = FOLDER
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    settings.INBOX_BUCKET = ""
    company = open_short("A-1", zone="UTC")
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Tenant.objects.update(is_demo=True)
    open_periods(today=date(2026, 7, 7))
    assert demo_history.make(at=datetime(2026, 7, 7, 12, tzinfo=UTC))
    flagged = {flag.period: flag.raised_at for flag in flags(company)}
    assert flagged == {
        "2026-05": datetime(2026, 6, 5, 1, tzinfo=UTC),
        "2026-06": datetime(2026, 7, 5, 1, tzinfo=UTC),
    }
    message = {row.day: (row.period, row.step) for row in rows(company)}
    assert len(message) == len(rows(company))
    # The first mail about June names May too: it is the weekly mail about that.
    july = {day.day: what for day, what in message.items() if day.month == 7}
    assert july == {
        3: ("2026-06", "target"),
        4: ("2026-06", "last"),
        5: ("2026-06", "late"),
    }
    [newest] = [row for row in rows(company) if row.day == date(2026, 7, 5)]
    assert newest.late_periods == ["2026-06", "2026-05"]


SETUP = (
    *("--staff-email", "Desk@Vendor.example", "--number", "T-1", "--name", "Test One"),
    *("--admin-email", "admin@one.example"),
)


def test_setup_makes_all_that_a_first_customer_needs(
    db: None, tmp_path: Path, settings: Any
) -> None:
    from usage.usg import new_signing_pair
    from usage.usg.keyfiles import write_pair

    _, public = write_pair(tmp_path / "IC01.key", Purpose.SIGNING, new_signing_pair())
    out = StringIO()
    call_command(
        "setup",
        *SETUP,
        "--zone",
        "Europe/Berlin",
        "--server",
        "IC01",
        str(public),
        stdout=out,
    )
    said = out.getvalue()
    (password,) = {
        line.split()[4] for line in said.splitlines() if line.startswith("desk@")
    }
    assert Client().login(username="desk@vendor.example", password=password)
    secret = next(word for word in said.split() if word.startswith("usg_"))
    caller = token_sign_in.sign_in(
        f"Bearer {secret}", address="127.0.0.1", at=datetime.now(UTC)
    )
    assert "kind: sealing-public" in said
    with unit_of_work.acting_for(caller.tenant, reading=True):
        assert ServerKey.objects.get().state == "confirmed"
        view = period_queries.view_period(
            Period.containing(datetime.now(UTC).date()), at=datetime.now(UTC)
        )
    assert view.judgement.calendar.owed > 0
    again = StringIO()
    call_command("setup", *SETUP, "--zone", "Europe/Berlin", stdout=again)
    assert "Tenant T-1 is there" in again.getvalue()
    assert "usg_" not in again.getvalue()
    another = StringIO()
    berlin = (*SETUP, "--zone", "Europe/Berlin")
    call_command("setup", *berlin, "--new-token", stdout=another)
    assert "usg_" in another.getvalue()


def test_setup_refuses_what_differs_from_a_tenant_that_is_there(db: None) -> None:
    berlin = (*SETUP, "--zone", "Europe/Berlin")
    call_command("setup", *berlin, stdout=StringIO())
    automated = "I3_FEATURE_USAGE_TRACKING_UPLOAD"
    for option, value, there in (
        ("--zone", "UTC", "Europe/Berlin"),
        ("--name", "Other", "Test One"),
        ("--first-day", "2020-01-01", str(datetime.now(UTC).date())),
        ("--licence", automated, "I3_FEATURE_USAGE_TRACKING_LOCAL"),
    ):
        with pytest.raises(CommandError, match=rf"{option} \(it is {there}\)"):
            call_command("setup", *berlin, option, value, stdout=StringIO())


def test_setup_makes_a_first_clerk_who_opens_tenants_on_the_pages(db: None) -> None:
    out = StringIO()
    call_command("setup", "--staff-email", "desk@vendor.example", stdout=out)
    password = out.getvalue().splitlines()[0].split()[4]
    assert "Next: sign in at http" in out.getvalue()
    client = Client()
    assert client.login(username="desk@vendor.example", password=password)
    # The second factor comes first.
    led_on = client.get("/staff/tenants").headers["Location"]
    assert led_on.startswith("/second-factor/set-up")
    client.force_login(User.objects.get(email="desk@vendor.example"))
    assert "Open the first tenant" in client.get("/staff/tenants").content.decode()
    with pytest.raises(CommandError, match="valid email"):
        call_command("setup", "--staff-email", "nobody", stdout=StringIO())
    again = StringIO()
    call_command("setup", "--staff-email", "Desk@vendor.example", stdout=again)
    assert (
        "desk@vendor.example has an account; nothing was changed." in again.getvalue()
    )
    assert client.login(username="desk@vendor.example", password=password)


def test_setup_names_the_folder_of_the_mails_while_no_mail_server_is_set(
    db: None, settings: Any
) -> None:
    for backend, is_named in ((FOLDER, True), (SMTP, False)):
        settings.EMAIL_BACKEND = backend
        out = StringIO()
        call_command("setup", "--staff-email", "desk@vendor.example", stdout=out)
        assert (str(settings.EMAIL_FILE_PATH) in out.getvalue()) is is_named


def test_setup_refuses_the_address_of_somebody_who_is_not_a_clerk(db: None) -> None:
    berlin = (*SETUP, "--zone", "Europe/Berlin")
    call_command("setup", *berlin, stdout=StringIO())
    with pytest.raises(CommandError, match="not a billing clerk's"):
        call_command("setup", "--staff-email", "admin@one.example", stdout=StringIO())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "needs --zone too"),
        (("--zone", "Europe/Atlantis"), "no time zone Europe/Atlantis"),
        (("--zone", "../../etc/passwd"), "no time zone"),
        (("--zone", "UTC", "--server", "IC01", "/nowhere"), "/nowhere"),
        (("--zone", "UTC", "--number", "T 1"), "customer number"),
        (("--zone", "UTC", "--admin-email", "nobody"), "valid email"),
    ],
)
def test_setup_says_what_is_wrong_and_makes_nothing(
    db: None, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("setup", *SETUP, *arguments, stdout=StringIO())
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert not Tenant.objects.exists()
        assert not User.objects.exists()


def test_its_late_tenants_are_flagged_and_were_told(
    db: None, small: None, tmp_path: Path, settings: Any
) -> None:
    settings.EMAIL_BACKEND = FOLDER
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    settings.INBOX_BUCKET = ""
    make(tmp_path / "demo")
    assert demo_history.make(at=NOW)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        flags = LateFlag.objects.filter(period="2026-10").values_list("tenant__number")
        late = {number for (number,) in flags}
        message = Counter(Reminder.objects.values_list("tenant__number", "outcome"))
    assert late == {"100582", "100733"}
    assert {number for number, _ in message} == late
    assert {outcome for _, outcome in message} == {"sent"}
    count = sum(message.values())
    assert len(list((tmp_path / "mail").iterdir())) == count
    # Once more changes nothing.
    assert demo_history.make(at=NOW)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Reminder.objects.count() == count


@pytest.mark.parametrize("hindrance", ["a customer", "a mail server"])
def test_beside_anybody_else_no_past_is_made_up(
    alice: Company, settings: Any, hindrance: str
) -> None:
    """Neither reminders nor mails about statements, which are issued all the same."""
    settings.EMAIL_BACKEND = FOLDER
    if hindrance == "a mail server":
        settings.EMAIL_BACKEND = "portal.mail.smtp_backend.SmtpBackend"
        with unit_of_work.acting_for(unit_of_work.STAFF):
            Tenant.objects.update(is_demo=True)
    assert not demo_history.make(at=NOW)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert not Reminder.objects.exists()
        tenant = Tenant.objects.get()
    for data in alice.server.days(date(2026, 4, 28), date(2026, 5, 27)):
        alice.send(data, at=NOW)
    persona = replace(personas.PERSONAS[0], zone=alice.zone)
    months = DemoMonths(persona, (Period(2026, 5),), NOW)
    demo_statements.issue_past(tenant, months, send_lost=lambda _: False)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Statement.objects.count() == 1
        assert not StatementMail.objects.exists()
