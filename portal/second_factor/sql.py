"""Statements that count tries, and use each code once: conditions and changes in one.

Two requests with the same code run the same statement; the second one waits for the
row, sees what the first has stored, and changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection

Values = Mapping[str, int | str | datetime]

TRIES = 5
TRIES_WITHIN = timedelta(minutes=15)

_TAKE_TRY = """
insert into portal_factortries as kept (user_id, began_at, tries)
values (%(user)s, %(at)s, 1)
on conflict (user_id) do update set
    tries = case
        when kept.began_at <= %(start)s then 1
        else least(kept.tries + 1, %(most)s + 1)
    end,
    began_at = case when kept.began_at <= %(start)s then %(at)s else kept.began_at end
returning tries
"""

_GIVE_BACK = """
update portal_factortries set tries = greatest(tries - 1, 0) where user_id = %(user)s
"""

# Codes of later steps that were refused once stay refused when their time comes.
_USE_STEP = """
update mfa_authenticator set
    last_used_at = %(at)s,
    data = data || jsonb_build_object(
        'last_counter', %(counter)s::bigint,
        'refused', jsonb_path_query_array(
            coalesce(data -> 'refused', '[]'), '$[*] ? (@ > $counter)',
            jsonb_build_object('counter', %(counter)s::bigint)
        )
    )
where id = %(id)s and user_id = %(user)s
    and coalesce((data ->> 'last_counter')::bigint, -1) < %(counter)s
    and not coalesce(data -> 'refused', '[]') @> to_jsonb(%(counter)s::bigint)
"""

_REFUSE_STEP = """
update mfa_authenticator set
    data = data || jsonb_build_object(
        'refused', coalesce(data -> 'refused', '[]') || to_jsonb(%(counter)s::bigint)
    )
where id = %(id)s
    and not coalesce(data -> 'refused', '[]') @> to_jsonb(%(counter)s::bigint)
"""

_USE_RECOVERY_CODE = """
update mfa_authenticator set
    last_used_at = %(at)s,
    data = data || jsonb_build_object(
        'used_mask', (data ->> 'used_mask')::int | %(bit)s
    )
where id = %(id)s and user_id = %(user)s and data ->> 'seed' = %(seed)s
    and (data ->> 'used_mask')::int & %(bit)s = 0
"""


def take_try(user_id: int, *, at: datetime) -> bool:
    """Count a try of a person; False if it is one too many, and must not be checked."""
    start = at - TRIES_WITHIN
    values: Values = {"user": user_id, "at": at, "start": start, "most": TRIES}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TRY, values)
        ((tries,),) = cursor.fetchall()
    return int(tries) <= TRIES


def give_try_back(user_id: int) -> None:
    """Take back the count of a try that succeeded; those that failed stay counted."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"user": user_id})


def use_step(factor_id: int, *, user_id: int, counter: int, at: datetime) -> bool:
    """Use the step of an app's code; False if it, or a later one, was used before."""
    values: Values = {
        "id": factor_id,
        "user": user_id,
        "counter": counter,
        "at": at,
    }
    return _changes_one(_USE_STEP, values)


def refuse_step(factor_id: int, *, counter: int) -> None:
    """Never accept the code of a step, which a clock that is fast has shown early.

    Otherwise a guess that is answered with "your clock is fast" would be worth trying
    again some minutes later.
    """
    _changes_one(_REFUSE_STEP, {"id": factor_id, "counter": counter})


def use_recovery_code(
    factor_id: int, *, user_id: int, number: int, seed: str, at: datetime
) -> bool:
    """Use one of the codes of a sealed seed; False if it was used, or they are new."""
    values: Values = {
        "id": factor_id,
        "user": user_id,
        "bit": 1 << number,
        "seed": seed,
        "at": at,
    }
    return _changes_one(_USE_RECOVERY_CODE, values)


def _changes_one(statement: str, values: Values) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount == 1)
