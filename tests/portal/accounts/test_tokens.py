"""Tokens are hashed, limited, replaced and revoked, and expire."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from portal.accounts import token_sign_in, tokens
from portal.accounts.caller import Caller, Permission
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import ApiToken, AuditEntry, Scope
from tests.builders import NOW, Company

READS = {Permission.READ, Permission.ASK, Permission.STATEMENTS}
UPLOADS = {*READS, Permission.UPLOAD}
HERE = "192.0.2.7"
DAY = timedelta(days=1)


def use(secret: str, *, address: str = HERE, at: Any = NOW) -> Caller:
    return token_sign_in.sign_in(f"Bearer {secret}", address=address, at=at)


def works(secret: str, **how: Any) -> bool:
    return use(secret, **how).token_id is not None


def code_of(secret: str, **how: Any) -> str:
    with pytest.raises(Refused) as refusal:
        use(secret, **how)
    return refusal.value.code


def rows(company: Company) -> list[ApiToken]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(ApiToken.objects.order_by("pk"))


def issue(company: Company, **terms: Any) -> tuple[ApiToken, str]:
    with unit_of_work.acting_for(company.id):
        return tokens.issue(
            company.id,
            name="night",
            scope=Scope.UPLOAD,
            by="ada",
            at=NOW,
            terms=tokens.TokenTerms(**terms),
        )


def replace(company: Company, token_id: int, *, days: int = 7, at: Any = NOW) -> str:
    with unit_of_work.acting_for(company.id):
        return tokens.replace(
            company.id,
            token_id,
            overlap=timedelta(days=days),
            user_id=None,
            by="ada",
            at=at,
        )[1]


def revoke(company: Company, token_id: int) -> bool:
    with unit_of_work.acting_for(company.id):
        return tokens.revoke(company.id, token_id, by="ada", at=NOW)[1]


def test_only_the_hash_of_a_token_is_kept(alice: Company) -> None:
    [row] = rows(alice)
    assert alice.token.startswith("usg_")
    assert alice.token not in str(row.__dict__)


def test_what_a_copy_of_the_database_has_lets_nobody_in(alice: Company) -> None:
    digest = bytes(rows(alice)[0].digest)
    for secret in (digest.hex(), f"usg_{digest.hex()}", digest.decode("latin-1")):
        assert code_of(secret) == "token-unknown"


def test_a_token_lets_into_its_tenant_with_its_scope(alice: Company) -> None:
    caller = use(alice.token)
    assert caller.tenant_id == alice.id
    assert caller.permissions == UPLOADS


@pytest.mark.parametrize(
    ("scope", "may"), [(Scope.READ, READS), (Scope.UPLOAD, UPLOADS)]
)
def test_each_scope_allows_just_its_own(
    alice: Company, scope: str, may: set[Permission]
) -> None:
    assert use(alice.issue(scope)).permissions == may


def test_a_token_of_one_server_reads_nothing_of_others(alice: Company) -> None:
    caller = use(alice.issue(Scope.UPLOAD, server="IC01"))
    assert caller.permissions == {Permission.ASK, Permission.UPLOAD}
    assert caller.token_server == "IC01"


def test_no_scope_lets_a_token_manage_or_list_names(alice: Company) -> None:
    people_only = {Permission.MANAGE, Permission.NAMES, Permission.EVIDENCE}
    for scope in Scope.values:
        assert not people_only & use(alice.issue(scope)).permissions


@pytest.mark.parametrize("secret", ["", "usg_", "usg_wrong", "\x00", "é" * 5000])
def test_a_wrong_token_lets_nobody_in(alice: Company, secret: str) -> None:
    assert code_of(secret) == "token-unknown"


@pytest.mark.parametrize(
    ("column", "code"),
    [("revoked_at", "token-revoked"), ("expires_at", "token-expired")],
)
def test_a_token_that_has_ended_says_so_to_its_owner(
    alice: Company, column: str, code: str
) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"update portal_apitoken set {column} = %s", [NOW])
    assert code_of(alice.token, at=NOW + timedelta(seconds=1)) == code


def test_a_token_ends_at_the_instant_that_it_expires(alice: Company) -> None:
    token, secret = issue(alice)
    assert token.expires_at == NOW + 90 * DAY
    assert works(secret, at=token.expires_at - timedelta(microseconds=1))
    assert code_of(secret, at=token.expires_at) == "token-expired"


@pytest.mark.parametrize("lasts", [timedelta(), timedelta(days=365, seconds=1)])
def test_no_token_lasts_longer_than_a_year(alice: Company, lasts: timedelta) -> None:
    with pytest.raises(ValueError, match="365"):
        issue(alice, lasts=lasts)


def test_a_token_that_was_made_without_an_end_still_works(alice: Company) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("update portal_apitoken set expires_at = null")
    assert works(alice.token, at=NOW + 3_000 * DAY)


def test_last_use_and_address_are_exact_to_five_minutes(alice: Company) -> None:
    for minutes, noted, address in ((0, 0, "a"), (4, 0, "b"), (5, 5, "c"), (9, 5, "d")):
        use(alice.token, address=address, at=NOW + timedelta(minutes=minutes))
        [row] = rows(alice)
        assert row.last_used_at == NOW + timedelta(minutes=noted)
        assert row.last_used_from == {0: "a", 5: "c"}[noted]


def test_a_token_is_refused_outside_its_networks_and_that_is_recorded(
    alice: Company,
) -> None:
    secret = alice.issue(Scope.UPLOAD, networks=["192.0.2.0/24", "2001:db8::/32"])
    assert works(secret, address="192.0.2.9")
    assert works(secret, address="::ffff:192.0.2.9")
    assert works(secret, address="2001:db8:1::5")
    for address in ("192.0.3.1", "2001:db9::1", ""):
        with pytest.raises(Refused) as refusal:
            use(secret, address=address)
        assert refusal.value.code == "token-network"
        assert refusal.value.params["address"] == (address or "?")
    row = rows(alice)[-1]
    assert (row.refused_from, row.refused_at) == ("192.0.3.1", NOW)
    assert row.last_used_from == "192.0.2.9"


def test_a_successor_has_the_same_limits_and_both_work_during_the_overlap(
    alice: Company,
) -> None:
    old, first = issue(alice, server="IC01", networks=["192.0.2.0/24"])
    second = replace(alice, old.pk, days=3)
    assert works(first, at=NOW + 2 * DAY)
    assert works(second, at=NOW + 2 * DAY)
    assert code_of(first, at=NOW + 3 * DAY) == "token-expired"
    assert works(second, at=NOW + 89 * DAY)
    *_, old, new = rows(alice)
    assert old.replaced_by_id == new.pk
    assert (new.name, new.server, new.networks) == ("night", "IC01", ["192.0.2.0/24"])
    assert new.expires_at == NOW + 90 * DAY


def test_the_overlap_never_prolongs_a_token(alice: Company) -> None:
    old, first = issue(alice, lasts=2 * DAY)
    replace(alice, old.pk, days=14)
    assert code_of(first, at=NOW + 2 * DAY) == "token-expired"


def test_a_token_has_one_successor(alice: Company) -> None:
    old, _ = issue(alice)
    replace(alice, old.pk)
    with pytest.raises(Refused, match="token-ended"):
        replace(alice, old.pk)


def test_a_token_that_has_ended_gets_no_successor(alice: Company) -> None:
    expired, _ = issue(alice, lasts=DAY)
    with pytest.raises(Refused, match="token-ended"):
        replace(alice, expired.pk, at=NOW + DAY)
    revoked, _ = issue(alice)
    assert revoke(alice, revoked.pk)
    with pytest.raises(Refused, match="token-ended"):
        replace(alice, revoked.pk)


def test_a_second_revocation_changes_nothing(alice: Company) -> None:
    token, secret = issue(alice)
    assert revoke(alice, token.pk)
    assert not revoke(alice, token.pk)
    assert code_of(secret) == "token-revoked"
    with unit_of_work.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="token-revoked").count() == 1


def test_two_who_revoke_at_once_leave_one_entry(alice: Company) -> None:
    token, _ = issue(alice)
    results: list[bool] = []

    def work() -> None:
        results.append(revoke(alice, token.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]


def test_charlie_cannot_revoke_or_replace_a_token_of_alice(
    alice: Company, charlie: Company
) -> None:
    token, secret = issue(alice)
    with pytest.raises(Refused, match="not-found"):
        revoke(charlie, token.pk)
    with pytest.raises(Refused, match="not-found"):
        replace(charlie, token.pk)
    assert works(secret)


def test_the_same_form_makes_one_token(alice: Company) -> None:
    from uuid import uuid4

    key = uuid4()
    issue(alice, form_key=key)
    with pytest.raises(Refused, match="token-made-already"):
        issue(alice, form_key=key)


def test_all_tokens_that_a_member_made_end_with_the_member(
    alice: Company, charlie: Company
) -> None:
    ada = alice.people["admin"].pk
    own = [issue(alice, user_id=ada), issue(charlie, user_id=ada)]
    others = [issue(alice), issue(alice, user_id=alice.people["uploader"].pk)]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        ended = tokens.end_tokens_of(ada, by="clerk", at=NOW)
    assert {one.pk for one in ended} == {token.pk for token, _ in own}
    assert {code_of(secret) for _, secret in own} == {"token-revoked"}
    assert all(works(secret) for _, secret in others)
    for company in (alice, charlie):
        with unit_of_work.acting_for(company.id, reading=True):
            [entry] = AuditEntry.objects.filter(act="token-revoked")
        assert (entry.actor, entry.subject) == ("clerk", "night")


def test_leaving_one_tenant_ends_the_tokens_of_that_tenant(
    alice: Company, charlie: Company
) -> None:
    ada = alice.people["admin"].pk
    _, here = issue(alice, user_id=ada)
    _, elsewhere = issue(charlie, user_id=ada)
    with unit_of_work.acting_for(alice.id):
        tokens.end_tokens_of(ada, tenant_id=alice.id, by="admin", at=NOW)
        assert not tokens.end_tokens_of(ada, tenant_id=alice.id, by="admin", at=NOW)
    assert code_of(here) == "token-revoked"
    assert works(elsewhere)


def test_a_stolen_token_used_elsewhere_takes_no_request_from_its_servers(
    alice: Company, settings: Any
) -> None:
    settings.TOKEN_REQUESTS_PER_SECOND = settings.NETWORK_REQUESTS_PER_SECOND = 1
    secret = issue(alice, networks=["192.0.2.0/24"])[1]
    answers = {code_of(secret, address="198.51.100.9") for _ in range(300)}
    assert answers == {"token-network", "too-many-requests"}
    assert works(secret, address=HERE)
