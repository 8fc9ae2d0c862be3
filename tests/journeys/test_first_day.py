"""The first day of README, with its own commands, on a portal that is empty."""

import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone

from billing.coverage.periods import Period
from billing.models import Reminder
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.models import Tenant
from tests.docs_pages import first_day_commands
from tests.journeys.live_server import (
    PATIENCE,
    RunningPortal,
    link_static_files,
)
from tests.journeys.signed_in_browser import Browser, hidden_fields, read
from tests.portal.second_factor.people import code_at
from usage.models import FileState, Forwarding, Server, UsageFile
from usage.storage import archive
from usage.usg.__main__ import main as usg

NUMBER = "200001"
TENANT = f"/staff/tenants/{NUMBER}"
PYTHON = ".venv/bin/python"
PASSWORD = "a few words in a row"


# In place of Python: writes down its arguments, as bash has expanded them.
ARGUMENTS = """python() { printf '%s\\0' "$@"; printf '\\n'; }
"""


class Shell:
    """Runs README's commands with another home folder.

    Programs of the project run in this process, which takes a fraction of the time.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "VAR": str(home),
        }

    def run(self, wanted: str) -> str:
        """Run the block of README that contains a text; return what it prints."""
        (block,) = [block for block in first_day_commands() if wanted in block]
        if PYTHON not in block:
            return self._bash(block)
        lines = self._bash(ARGUMENTS + block.replace(PYTHON, "python")).splitlines()
        return "".join(self._python(line.split("\0")[:-1]) for line in lines)

    def _bash(self, script: str) -> str:
        return self._run("bash", "-c", script)

    def _python(self, arguments: list[str]) -> str:
        output = StringIO()
        match arguments:
            case ["manage.py", *rest]:
                call_command(*rest, stdout=output)
            case ["-m", "usage.usg", *rest]:
                with redirect_stdout(output):
                    assert usg(rest) == 0
            case _:
                return self._run(sys.executable, *arguments)
        return output.getvalue()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            arguments,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        # The sender ends with 3 if files are held.
        assert done.returncode in {0, 3}, done.stdout + done.stderr
        return done.stdout


def open_the_first_tenant(clerk: Browser) -> None:
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    page = clerk.get("/staff/open-tenant")
    licences = re.findall(r'name="licence_keys" value="(\w+)"[^>]* checked', page)
    opened = clerk.post(
        "/staff/open-tenant",
        number=NUMBER,
        name="Trial Company",
        zone="Europe/Berlin",
        first_owed_on=str(today - timedelta(days=3)),
        licence_keys=licences,
        admin_name="Ida",
        admin_email="it@trial.example",
    )
    assert "Next: hand over the server set-up." in read(opened.decode())


def accept_the_invitation(link: str, admin: Browser) -> None:
    form = admin.get(link)
    assert "You are invited to Trial Company" in read(form)
    address = urlsplit(link).path
    admin.post(address, name="Ida", password1=PASSWORD, password2=PASSWORD)


def set_up_an_app(clerk: Browser) -> None:
    """Read the key on the page, as an app does, and type the code that it shows."""
    address = "/second-factor/set-up/app"
    page = clerk.get(address)
    key = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert key is not None
    code = code_at(timezone.now(), secret=key[1].replace(" ", ""))
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert sealed is not None
    done = clerk.post(address, sealed=sealed[1], code=code)
    assert "Keep these recovery codes" in read(done.decode())


def remind_now(clerk: Browser, page: str) -> str:
    given = hidden_fields(page, "/staff/selected")
    # The day that is missing may be of another period than the first one shown.
    yesterday = datetime.now(ZoneInfo("Europe/Berlin")).date() - timedelta(days=1)
    given["period"] = str(Period.containing(yesterday))
    query = "&".join(f"{name}={value}" for name, value in given.items())
    preview = clerk.get(f"/staff/selected?{query}&act=remind")
    assert "a mail to it@trial.example" in read(preview)
    done = clerk.post("/staff/selected", **given, act="remind")
    return read(done.decode())


@pytest.fixture
def static_files(db: None, tmp_path: Path) -> None:
    """Give pages their static files, before the web server starts."""
    link_static_files(tmp_path)


@pytest.fixture
def shell(live_portal: RunningPortal, tmp_path: Path, settings: Any) -> Shell:
    """A shell at the project, for a portal that writes its mails to files."""
    settings.PORTAL_ADDRESS = live_portal.address
    settings.EMAIL_BACKEND = "portal.mail.file_backend.FolderBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    # As the running portal reads them.
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
    ]
    archive.prepare()
    return Shell(tmp_path)


def hand_over(clerk: Browser, shell: Shell) -> None:
    downloads = shell.home / "Downloads"
    downloads.mkdir()
    set_up = clerk.post(f"{TENANT}/set-up")
    (downloads / f"usage-portal-{NUMBER}.zip").write_bytes(set_up)
    shell.run("zipfile -e")
    assert "Next: send the first file." in read(clerk.get(TENANT))


def confirm_the_key(admin: Browser, *, fingerprint: str) -> None:
    servers = admin.get("/servers")
    assert fingerprint in servers
    admin.post("/servers/confirm-key", **hidden_fields(servers, "/servers/confirm-key"))


def assert_one_day_is_over(folder: Path) -> None:
    """One tenant, one server, its files forwarded, and one reminder sent."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.get()
    with unit_of_work.acting_for(tenant.pk, reading=True):
        assert Server.objects.get().name == "IC1"
        states = set(UsageFile.objects.values_list("state", flat=True))
        done = Forwarding.objects.filter(state=JobState.DONE)
        keys = list(done.values_list("key", flat=True))
        reminder = Reminder.objects.get()
    assert states == {FileState.ACCEPTED}
    stored = sorted(archive.fetch(key) for key in keys)
    assert len(stored) == 2
    assert stored == sorted(path.read_bytes() for path in folder.iterdir())
    assert (reminder.recipient, reminder.shown_state) == ("it@trial.example", "sent")


def test_the_first_day_of_readme_ends_with_a_forwarded_file_and_a_reminder(
    static_files: None, live_portal: RunningPortal, shell: Shell
) -> None:
    clerk, admin = Browser(live_portal.address), Browser(live_portal.address)
    assert "manage.py setup" in read(clerk.get("/"))
    said = shell.run("setup --staff-email desk@vendor.example\n")
    password = said.partition("signs in with ")[2].split()[0]
    page = clerk.sign_in("desk@vendor.example", password)
    assert "Your account needs a second factor." in read(page)
    set_up_an_app(clerk)
    assert "Open the first tenant" in read(clerk.get("/"))
    open_the_first_tenant(clerk)
    hand_over(clerk, shell)
    call_command("drain", verbosity=0)
    accept_the_invitation(shell.run("invitations").strip(), admin)

    assert shell.run("usage.usg emulate").count("  sound\n") == 2
    sent, _, key = shell.run("usage-sender.pyz send").rstrip().rpartition("\n")
    assert sent.count("held: ") == 2
    confirm_the_key(admin, fingerprint=key.split()[1])
    assert "is being forwarded to the archive" in read(clerk.get(TENANT))
    call_command("drain", verbosity=0)
    page = clerk.get(TENANT)
    assert "is being forwarded" not in read(page)
    assert "1 mail goes within a minute" in remind_now(clerk, page)
    call_command("drain", verbosity=0)

    assert_one_day_is_over(shell.home / "IC1" / "usage")
    mail = Path(shell.run("grep -l").strip()).read_text(encoding="utf-8")
    assert "\nTo: it@trial.example\n" in mail
