"""Tenant keys are wrapped, and bound to their tenant, their name, their master key."""

import pytest

from portal.db import unit_of_work
from tests.builders import NOW, Company
from usage import tenant_keys
from usage.models import SealingKey
from usage.tenant_keys import KeyDoesNotOpenError
from usage.usg import sealing_pair


def test_a_key_opens_for_its_tenant(alice: Company) -> None:
    with unit_of_work.acting_for(alice.id):
        row = SealingKey.objects.get()
        private = tenant_keys.opening_key(alice.id, row.fingerprint)
    assert private is not None
    assert sealing_pair(private).public == bytes(row.public)
    assert private not in bytes(row.wrapped_private)
    assert len(bytes(row.wrapped_private)) == 60


def test_a_key_of_another_tenant_is_no_key(alice: Company, charlie: Company) -> None:
    with unit_of_work.acting_for(alice.id):
        fingerprint = SealingKey.objects.get().fingerprint
    with unit_of_work.acting_for(charlie.id):
        assert tenant_keys.opening_key(charlie.id, fingerprint) is None


def test_a_row_copied_to_another_tenant_does_not_open(
    alice: Company, charlie: Company
) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        stolen = SealingKey.objects.get(tenant=alice.id)
        SealingKey.objects.create(
            tenant_id=charlie.id,
            fingerprint=stolen.fingerprint,
            public=stolen.public,
            wrapped_private=stolen.wrapped_private,
            master_key=stolen.master_key,
            created_at=NOW,
        )
    with unit_of_work.acting_for(charlie.id), pytest.raises(KeyDoesNotOpenError):
        tenant_keys.opening_key(charlie.id, stolen.fingerprint)


def test_another_master_key_does_not_open(
    alice: Company, settings: pytest.FixtureRequest
) -> None:
    settings.MASTER_KEY = bytes(32)  # type: ignore[attr-defined]  # pytest-django's
    with unit_of_work.acting_for(alice.id), pytest.raises(KeyDoesNotOpenError) as error:
        tenant_keys.opening_key(alice.id, SealingKey.objects.get().fingerprint)
    assert "MASTER_KEY" in str(error.value)
