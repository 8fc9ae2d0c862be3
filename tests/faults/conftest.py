"""Fixtures of the fault tests: a database per module, and a portal to be killed."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from tests.builders import open_company
from tests.conftest import empty_database
from tests.faults.answer_log import AnswerLog
from tests.faults.customer_client import Customer, FaultClient
from tests.faults.killable_portal import KillablePortal, run_killable_portal
from tests.faults.stored_state import StoredState
from tests.journeys.live_server import database_url
from usage.storage import archive

# Tenants of all tests have numbers of their own: what is judged is by tenant.
_NUMBERS = itertools.count(1)

QUICK_HASHES = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="module")
def stored(
    _database: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[StoredState]:
    """An empty database and folder, and a bucket that nobody else uses."""
    var = tmp_path_factory.mktemp("faults")
    name = f"test_portal_{worker_id}"
    s3 = {**settings.S3, "bucket": f"faults-{worker_id}", "prefix": f"{uuid4().hex}/"}
    with (
        override_settings(S3=s3, VAR=var, PASSWORD_HASHERS=QUICK_HASHES),
        _database.unblock(),
    ):
        archive.prepare()
        owner_url = database_url(name, variable="DATABASE_OWNER_URL")
        yield StoredState(owner_url, var / "usage", s3)
        connections["default"].close()
        empty_database()


@pytest.fixture(scope="module")
def killable(stored: StoredState, worker_id: str) -> Iterator[KillablePortal]:
    """A portal whose parts the tests of a module kill, one after the other."""
    changes = {
        "S3_BUCKET": stored.s3["bucket"],
        "S3_PREFIX": stored.s3["prefix"],
        "S3_INBOX_BUCKET": stored.s3["bucket"],
        "S3_INBOX_PREFIX": stored.inbox_prefix,
    }
    database = f"test_portal_{worker_id}"
    var: Path = stored.folder.parent
    with run_killable_portal(
        var, database=database, stored=stored, changes=changes
    ) as running:
        yield running


@pytest.fixture
def open_client(killable: KillablePortal) -> Callable[..., FaultClient]:
    """Open a company and be its client; clients of one test share an answer log."""
    answer_log = AnswerLog()

    def opened(*, servers: int = 1) -> FaultClient:
        number = f"F-{next(_NUMBERS)}"
        company = open_company(number, name=number, zone="Europe/Berlin")
        customer = Customer.of(company, servers=servers)
        return FaultClient(killable.portal.port, customer, answer_log)

    return opened
