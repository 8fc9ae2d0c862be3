"""Nothing that the portal stores or receives is unpickled."""

import base64
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.db import connection
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from portal.accounts.sessions import SessionStore, hash_of
from portal.celery import app
from portal.db.json_cache import JsonCache
from portal.jobs import heartbeat
from portal.models import Session

SOON = timedelta(hours=1)


class Planted:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    made = tmp_path / "unpickled"
    pickle.loads(pickle.dumps(Planted(made)))
    # The pickle would work.
    made.unlink()
    return made


def plant(key: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into portal_cache (cache_key, value, expires) values (%s, %s, %s)",
            [cache.make_key(key), value, datetime.now(UTC) + SOON],
        )


def pickled(value: object) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


def test_a_pickle_in_the_cache_is_a_miss_and_runs_nothing(db: None, mark: Path) -> None:
    plant("planted", pickled(Planted(mark)))
    assert cache.get("planted", "missing") == "missing"
    assert cache.get_many(["planted"]) == {}
    assert not mark.exists()
    cache.set("planted", 1)
    assert cache.get("planted") == 1


def test_a_pickle_in_place_of_sign_in_attempts_counts_as_none(
    db: None, mark: Path, rf: Any, settings: Any
) -> None:
    request = rf.post("/sign-in")
    rate = ratelimit.parse_rate("5/h/key")
    key = ratelimit.get_cache_key(
        request, app="account", action="login_failed", rate=rate, key="a@x.example"
    )
    plant(key, pickled(Planted(mark)))
    tried = [
        ratelimit.consume(
            request,
            app="account",
            action="login_failed",
            config={"login_failed": "5/h/key"},
            key="a@x.example",
        )
        for _ in range(6)
    ]
    assert [bool(one) for one in tried] == [True] * 5 + [False]
    assert not mark.exists()
    times = cache.get(key)
    assert len(times) == 5
    assert all(isinstance(one, float) for one in times)


def test_the_time_of_a_success_comes_back_as_it_was(db: None) -> None:
    at = datetime(2026, 6, 5, 0, 0, 30, 123456, tzinfo=UTC)
    heartbeat.record("usage.settle", at=at)
    assert heartbeat.last_successes(["usage.settle"]) == {
        "usage.settle": at.timestamp()
    }


@pytest.mark.parametrize(
    "value", [object(), b"bytes", {1}, (1, 2), {1: "a"}, float("nan"), SOON]
)
def test_what_json_would_lose_or_change_is_not_stored(db: None, value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        cache.set("key", value)
    assert cache.get("key") is None


def test_the_cache_keeps_to_the_rules_of_a_cache(db: None) -> None:
    assert cache.add("key", "first", timeout=30)
    assert not cache.add("key", "second")
    assert cache.get("key") == "first"
    assert cache.touch("key", timeout=None)
    assert not cache.touch("other")
    cache.set("count", 1)
    assert cache.incr("count", 2) == 3
    cache.set("gone", "x", timeout=0)
    assert cache.get("gone") is None
    assert cache.add("gone", "again")
    assert cache.get_many(["key", "gone", "none"]) == {"key": "first", "gone": "again"}
    assert cache.delete("key")
    assert "key" not in cache


def test_expired_values_are_removed_once_the_cache_is_full(db: None) -> None:
    cache = JsonCache("portal_cache", {"OPTIONS": {"MAX_ENTRIES": 3}})
    for number in range(4):
        cache.set(f"old-{number}", number, timeout=-1)
    cache.set("new", "stays", timeout=None)
    cache.set("last", "comes", timeout=60)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from portal_cache")
        assert cursor.fetchone() == (2,)
    assert cache.get_many(["new", "last"]) == {"new": "stays", "last": "comes"}


def test_a_pickled_session_is_empty_and_runs_nothing(db: None, mark: Path) -> None:
    class Pickler:
        def dumps(self, value: object) -> bytes:
            return pickle.dumps(value)

        def loads(self, value: bytes) -> object:
            # It only makes what an attacker would store.
            raise AssertionError

    # Signed as ours are: whoever has the key could write one.
    writer = SessionStore("planted key")
    writer.serializer = Pickler
    Session.objects.create(
        session_key=hash_of("planted key"),
        session_data=writer.encode({"a": Planted(mark)}),
        expire_date=datetime.now(UTC) + SOON,
    )
    assert dict(SessionStore("planted key").items()) == {}
    assert not mark.exists()


@pytest.mark.plain
def test_a_worker_refuses_a_pickled_message(mark: Path) -> None:
    message = pickle.dumps([[], {"a": Planted(mark)}, {}])
    accepted = app.conf.accept_content
    with pytest.raises(ContentDisallowed):
        loads(
            message,
            content_type="application/x-python-serialize",
            content_encoding="binary",
            accept=accepted,
        )
    assert accepted == ["json"]
    assert app.conf.task_serializer == app.conf.result_serializer == "json"
    assert not mark.exists()
