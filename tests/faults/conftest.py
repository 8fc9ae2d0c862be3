"""A database of its own for each module, and the portal that is broken in it."""

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
from tests.faults.answer_log import Ledger
from tests.faults.customer_client import Client, Customer
from tests.faults.killable_portal import Rig, running_rig
from tests.faults.stored_state import World
from tests.journeys.live_server import database_url
from usage.storage import archive

# Tenants of all tests have numbers of their own: what is judged is by tenant.
_NUMBERS = itertools.count(1)

QUICK_HASHES = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="module")
def world(
    _database: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[World]:
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
        yield World(owner_url, var / "usage", s3)
        connections["default"].close()
        empty_database()


@pytest.fixture(scope="module")
def rig(world: World, worker_id: str) -> Iterator[Rig]:
    """A portal whose parts the tests of a module kill, one after the other."""
    changes = {
        "S3_BUCKET": world.s3["bucket"],
        "S3_PREFIX": world.s3["prefix"],
        "S3_INBOX_BUCKET": world.s3["bucket"],
        "S3_INBOX_PREFIX": world.inbox_prefix,
    }
    database = f"test_portal_{worker_id}"
    var: Path = world.folder.parent
    with running_rig(var, database=database, world=world, changes=changes) as running:
        yield running


@pytest.fixture
def open_client(rig: Rig) -> Callable[..., Client]:
    """Open a company and be its client; clients of one test share a ledger."""
    ledger = Ledger()

    def opened(*, servers: int = 1) -> Client:
        number = f"F-{next(_NUMBERS)}"
        company = open_company(number, name=number, zone="Europe/Berlin")
        customer = Customer.of(company, servers=servers)
        return Client(rig.portal.port, customer, ledger)

    return opened
