"""Shared by tests of a customer's pages: signed-in clients, confirmed files."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.db import unit_of_work
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from usage.models import Forwarding, UsageFile

CONFIRMED_AT = NOW + timedelta(minutes=5)


def signed_in(company: Company, role: str = "viewer", **options: Any) -> Client:
    client = Client(raise_request_exception=False, **options)
    client.force_login(company.people[role])
    return client


def page(company: Company, path: str, *, role: str = "viewer", **query: str) -> str:
    answer = signed_in(company, role).get(path, query)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def body(answer: Any) -> bytes:
    """Return the content of a download."""
    assert answer.status_code == 200, answer.status_code
    return b"".join(answer) if answer.streaming else bytes(answer.content)


def confirm(company: Company, *files: UsageFile) -> None:
    """Say that the archive has confirmed some files, or all that are accepted."""
    with unit_of_work.acting_for(company.id):
        rows = Forwarding.objects.all()
        if files:
            rows = rows.filter(file__in=[file.pk for file in files])
        rows.update(state=JobState.DONE, ended_at=CONFIRMED_AT)


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)
