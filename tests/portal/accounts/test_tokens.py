"""Tokens are hashed, scoped, and expire."""

from datetime import timedelta

import pytest

from portal.accounts import tokens
from portal.accounts.caller import Permission
from portal.db import unit_of_work
from portal.models import ApiToken, Scope
from tests.builders import NOW, Company

READS = {Permission.READ, Permission.STATEMENTS}
UPLOADS = {*READS, Permission.UPLOAD}


def test_only_the_hash_of_a_token_is_kept(alice: Company) -> None:
    with unit_of_work.acting_for(alice.id):
        row = ApiToken.objects.get()
        kept = str(row.__dict__)
    assert alice.token.startswith("usg_")
    assert alice.token not in kept


def test_a_token_lets_into_its_tenant_with_its_scope(alice: Company) -> None:
    caller = tokens.find(alice.token, at=NOW)
    assert caller is not None
    assert caller.tenant_id == alice.id
    assert caller.permissions == UPLOADS


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        (Scope.READ, READS),
        (Scope.UPLOAD, UPLOADS),
        (Scope.MANAGE, {*UPLOADS, Permission.MANAGE, Permission.EVIDENCE}),
    ],
)
def test_each_scope_allows_just_its_own(
    alice: Company, scope: str, may: set[Permission]
) -> None:
    caller = tokens.find(alice.issue(scope), at=NOW)
    assert caller is not None
    assert caller.permissions == may


@pytest.mark.parametrize("secret", ["", "usg_", "usg_wrong", "\x00", "é" * 5000])
def test_a_wrong_token_lets_nobody_in(alice: Company, secret: str) -> None:
    assert tokens.find(secret, at=NOW) is None


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_a_token_that_has_ended_lets_nobody_in(alice: Company, column: str) -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(f"update portal_apitoken set {column} = %s", [NOW])
    assert tokens.find(alice.token, at=NOW + timedelta(seconds=1)) is None


def test_last_use_is_noted_now_and_then(alice: Company) -> None:
    for minutes, noted in ((0, 0), (5, 0), (11, 11)):
        tokens.find(alice.token, at=NOW + timedelta(minutes=minutes))
        with unit_of_work.acting_for(alice.id):
            assert ApiToken.objects.get().last_used_at == NOW + timedelta(minutes=noted)
