"""Files move between the stores while people work: none is lost, missed or revived."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.management import CommandError, call_command
from django.db import OperationalError

from portal.db import unit_of_work
from portal.health import failpoints
from tests.builders import NOW, Company
from tests.usage.store_on_s3 import bucket_configuration, use_both, use_store
from usage.maintenance import move_store, orphans, reconcile, unmoved
from usage.maintenance.move_store import MoveReport
from usage.models import UsageFile
from usage.storage import folder as folder_module
from usage.storage import store
from usage.storage.bucket import BucketAwayError
from usage.storage.moving import MovingStore

DAY = date(2026, 5, 7)
ORPHAN = "ab/ab000000-0000-4000-8000-000000000000.usg"


class KilledError(BaseException):
    """Stands for a kill: nothing in the code handles it."""


@pytest.fixture
def folder(db: None, settings: Any) -> dict[str, Any]:
    """The configuration of the folder, which is the store of all tests."""
    configuration: dict[str, Any] = settings.STORAGES["usage"]
    return configuration


@pytest.fixture(params=["to s3", "to folder"])
def begin(
    request: pytest.FixtureRequest,
    folder: dict[str, Any],
    settings: Any,
    worker_id: str,
) -> Callable[[], MovingStore]:
    """Let the first store be in use; the function begins the move to the other."""
    on_s3 = bucket_configuration(worker_id)
    old, new = (folder, on_s3) if request.param == "to s3" else (on_s3, folder)
    settings.FORWARDING = False
    use_store(settings, old)

    def begun() -> MovingStore:
        use_both(settings, current=new, fallback=old)
        moving = storages["usage"]
        assert isinstance(moving, MovingStore)
        return moving

    return begun


def move(at: datetime | None = None) -> MoveReport:
    return move_store.move_files(now=lambda: at or datetime.now(UTC))


def names(storage: Storage) -> set[str]:
    return {
        *store.names_in(storage),
        *store.names_in(storage, store.QUARANTINE),
    }


def read_in(storage: Storage, name: str) -> bytes:
    with storage.open(name, "rb") as file:
        return bytes(file.read())


def read(name: str) -> bytes:
    with store.opened(name) as data:
        return bytes(data)


def findings(*, at: datetime = NOW + timedelta(days=1)) -> list[str]:
    """Codes of the nightly comparison."""
    report = reconcile.reconcile(now=lambda: at)
    assert report.problem == ""
    return [finding["code"] for finding in report.findings]


def send_three(company: Company) -> dict[str, bytes]:
    sent = company.server.days(DAY, DAY + timedelta(days=2))
    return {company.send(data)[0].stored_as: data for data in sent}


def test_every_file_moves_and_is_found_before_and_after(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    sent = send_three(alice)
    moving = begin()
    new = alice.server.day(DAY + timedelta(days=3))
    file, _ = alice.send(new)
    assert names(moving.current) == {file.stored_as}
    sent[file.stored_as] = new
    for outcome in ({move_store.MOVED: 3}, {}):
        assert {name: read(name) for name in sent} == sent
        assert sorted(store.names()) == sorted(sent)
        assert findings() == []
        report = move()
        assert (report.counts, report.left, report.notes) == (outcome, 0, [])
    assert (names(moving.current), names(moving.fallback)) == (set(sent), set())
    assert all(read_in(moving.current, name) == sent[name] for name in sent)


@pytest.mark.parametrize("place", failpoints.MOVE_NAMES)
def test_the_next_run_continues_one_that_was_killed(
    alice: Company,
    begin: Callable[[], MovingStore],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    sent = send_three(alice)
    moving = begin()

    def reach(name: str) -> None:
        if name == place:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "reach", reach)
        with pytest.raises(KilledError):
            move()
    assert {name: read(name) for name in sent} == sent
    assert {name for name, _ in store.stored_since(alice.id)} == set(sent)
    assert findings() == []
    assert orphans.remove_orphans(now=lambda: NOW + timedelta(days=99)).findings == []
    assert move().left == 0
    assert (names(moving.current), names(moving.fallback)) == (set(sent), set())


def at_the_place(
    monkeypatch: pytest.MonkeyPatch, place: str, action: Callable[[], object]
) -> None:
    def reach(name: str) -> None:
        if name == place:
            monkeypatch.setattr(failpoints, "reach", lambda _: None)
            action()

    monkeypatch.setattr(failpoints, "reach", reach)


def forget_bytes(company: Company, name: str) -> None:
    """Commit that nobody needs a file's bytes; their removal follows."""
    with unit_of_work.acting_for(company.id, holding=True):
        files = UsageFile.objects.filter(stored_as=name)
        assert files.update(stored_as="", bytes_removed_at=NOW) == 1


@pytest.mark.parametrize("is_removed_first", [False, True])
def test_what_is_removed_during_its_copy_does_not_come_back(
    alice: Company,
    begin: Callable[[], MovingStore],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_removed_first: bool,
) -> None:
    (name,) = (alice.send(alice.server.day(DAY))[0].stored_as,)
    moving = begin()

    def remove() -> None:
        forget_bytes(alice, name)
        if is_removed_first:
            store.remove(name)

    at_the_place(monkeypatch, "move:copied", remove)
    report = move()
    assert report.counts == {move_store.RELEASED: 1}
    store.remove(name)
    assert (names(moving.current), names(moving.fallback)) == (set(), set())
    assert move().left == 0


def test_what_a_row_has_released_is_not_copied(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    name = alice.send(alice.server.day(DAY))[0].stored_as
    moving = begin()
    forget_bytes(alice, name)
    assert move().counts == {move_store.RELEASED: 1}
    assert names(moving.current) == set()


def test_bytes_that_were_brought_back_during_the_copy_stay(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alice.server.day(DAY)
    name = alice.send(data)[0].stored_as
    moving = begin()

    def lose_and_send_again() -> None:
        store.remove(name)
        assert not alice.send(data)[1]

    at_the_place(monkeypatch, "move:copied", lose_and_send_again)
    assert move().left == 0
    assert (names(moving.current), names(moving.fallback)) == ({name}, set())
    assert read(name) == data


def test_a_file_that_moves_between_two_looks_is_found(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alice.server.day(DAY)
    name = alice.send(data)[0].stored_as
    moving = begin()
    size, opened = moving.current.size, moving.current.open

    def size_before_it_moved(name: str) -> int:
        monkeypatch.setattr(moving.current, "size", size)
        with suppress(FileNotFoundError):
            size(name)
        move()
        raise FileNotFoundError

    monkeypatch.setattr(moving.current, "size", size_before_it_moved)
    assert store.size_of(name) == len(data)
    assert names(moving.fallback) == set()
    monkeypatch.setattr(moving.current, "open", opened)
    assert read(name) == data


def test_bytes_without_a_row_wait_a_day_and_leftovers_move_at_once(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    orphan = f"{alice.id}/{ORPHAN}"
    leftover = f"{store.QUARANTINE}/2026-05-07/{alice.id}/{ORPHAN.rpartition('/')[2]}"
    moving = begin()
    store.copy(ContentFile(b"orphan"), moving.fallback, orphan)
    store.copy(ContentFile(b"leftover"), moving.fallback, leftover)
    store.copy(ContentFile(b"whose?"), moving.fallback, f"{alice.id}/ab/whose.txt")
    report = move()
    counts = {move_store.MOVED: 1, move_store.YOUNG: 1, move_store.UNKNOWN: 1}
    assert (report.counts, report.left) == (counts, 2)
    assert names(moving.current) == {leftover}
    report = move(datetime.now(UTC) + timedelta(days=1, minutes=1))
    assert report.counts == {move_store.MOVED: 1, move_store.UNKNOWN: 1}
    assert names(moving.current) == {leftover, orphan}


def test_an_orphan_is_set_apart_in_the_store_that_files_move_to(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    moving = begin()
    store.copy(ContentFile(b"orphan"), moving.fallback, f"{alice.id}/{ORPHAN}")
    tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=5)
    report = orphans.remove_orphans(now=lambda: tomorrow)
    assert [one["code"] for one in report.findings] == [orphans.LEFTOVER_SET_APART]
    assert names(moving.fallback) == set()
    assert [name.split("/")[0] for name in names(moving.current)] == [store.QUARANTINE]


def test_other_bytes_in_the_other_store_are_never_replaced(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    data = alice.server.day(DAY)
    name = alice.send(data)[0].stored_as
    moving = begin()
    store.copy(ContentFile(b"others"), moving.current, name)
    report = move()
    assert (report.left, report.notes) == (1, [(name, move_store.DIFFERS)])
    assert read_in(moving.fallback, name) == data
    assert read_in(moving.current, name) == b"others"


def test_a_copy_in_the_folder_is_on_the_disk_before_the_other_is_removed(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that copied it was killed before its folder reached the disk."""
    data = alice.server.day(DAY)
    name = alice.send(data)[0].stored_as
    moving = begin()
    store.copy(ContentFile(data), moving.current, name)
    done: list[str] = []
    delete = moving.fallback.delete
    monkeypatch.setattr(
        folder_module, "_sync_folder", lambda path: done.append(path.name)
    )

    def remove(name: str) -> None:
        done.append("removed")
        delete(name)

    monkeypatch.setattr(moving.fallback, "delete", remove)
    assert move().left == 0
    synced = [*reversed(name.split("/")[:2]), "usage"]
    is_folder = isinstance(moving.current, folder_module.DurableFolder)
    assert done == [*(synced if is_folder else []), "removed"]


def test_a_damaged_copy_of_what_has_moved_is_dropped(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    data = alice.server.day(DAY)
    name = alice.send(data)[0].stored_as
    moving = begin()
    move()
    store.copy(ContentFile(b"damaged"), moving.fallback, name)
    assert move().counts == {move_store.MOVED: 1}
    assert names(moving.fallback) == set()
    assert read(name) == data


def test_a_damaged_file_moves_as_it_is_and_is_named(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    name = alice.send(alice.server.day(DAY))[0].stored_as
    moving = begin()
    moving.fallback.delete(name)
    store.copy(ContentFile(b"damaged"), moving.fallback, name)
    report = move()
    assert (report.left, report.notes) == (0, [(name, move_store.DAMAGED)])
    assert (names(moving.current), read(name)) == ({name}, b"damaged")
    assert findings() == [store.BYTES_DIFFER]


def test_a_store_that_fails_loses_nothing_and_ends_the_run(
    alice: Company,
    begin: Callable[[], MovingStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = send_three(alice)
    moving = begin()
    monkeypatch.setattr(move_store, "MOST_FAILURES", 2)

    def fail(*_args: object) -> None:
        raise BucketAwayError

    with monkeypatch.context() as patch:
        patch.setattr(moving.current, "_save", fail)
        report = move()
    assert isinstance(report.stopped_by, BucketAwayError)
    assert (report.left, names(moving.fallback)) == (2, set(sent))
    assert move().left == 0
    assert {name: read(name) for name in sent} == sent


def test_a_copy_that_is_not_what_was_copied_removes_nothing(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = alice.send(alice.server.day(DAY))[0].stored_as
    moving = begin()
    opened = moving.current.open

    def open_others(name: str, mode: str) -> Any:
        opened(name, mode).close()
        return ContentFile(b"others")

    monkeypatch.setattr(moving.current, "open", open_others)
    report = move()
    assert (report.left, names(moving.fallback)) == (1, {name})


def test_a_file_that_others_have_moved_is_no_failure(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = alice.send(alice.server.day(DAY))[0].stored_as
    moving = begin()
    opened = moving.fallback.open

    def open_too_late(name: str, mode: str) -> Any:
        monkeypatch.setattr(moving.fallback, "open", opened)
        move()
        return opened(name, mode)

    monkeypatch.setattr(moving.fallback, "open", open_too_late)
    report = move()
    assert (report.counts, report.left) == ({move_store.GONE: 1}, 0)
    assert names(moving.current) == {name}


def test_a_removed_file_is_in_neither_store(
    alice: Company, begin: Callable[[], MovingStore]
) -> None:
    data = alice.server.day(DAY)
    name = alice.send(data)[0].stored_as
    moving = begin()
    store.copy(ContentFile(data), moving.current, name)
    assert moving.exists(name)
    store.remove(name)
    assert not moving.exists(name)
    assert (names(moving.current), names(moving.fallback)) == (set(), set())


def test_the_command_reports_what_is_left(
    alice: Company, begin: Callable[[], MovingStore], settings: Any
) -> None:
    sent = send_three(alice)
    with pytest.raises(CommandError, match="USAGE_STORE_FALLBACK is not set"):
        call_command("move_store", "--to", settings.USAGE_STORE)
    moving = begin()
    settings.USAGE_STORE = "s3"
    with pytest.raises(CommandError, match="USAGE_STORE is s3"):
        call_command("move_store", "--to", "folder")
    store.copy(ContentFile(b"orphan"), moving.fallback, f"{alice.id}/{ORPHAN}")
    output, errors = StringIO(), StringIO()
    with pytest.raises(CommandError, match="1 files are left"):
        call_command("move_store", "--to", "s3", stdout=output, stderr=errors)
    assert f"{len(sent)} moved" in output.getvalue()
    store.remove(f"{alice.id}/{ORPHAN}")
    call_command("move_store", "--to", "s3", stdout=output)
    assert output.getvalue().endswith("0 files are left.\n")


def test_an_upload_in_the_middle_of_a_move_keeps_its_bytes(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are in the fallback, its row is not written yet."""
    reached = failpoints.reach
    begun: list[MovingStore] = []

    def begin_and_move(place: str) -> None:
        if place == "receive:kept":
            monkeypatch.setattr(failpoints, "reach", reached)
            begun.append(begin())
            assert move().counts == {move_store.YOUNG: 1}

    monkeypatch.setattr(failpoints, "reach", begin_and_move)
    data = alice.server.day(DAY)
    file, _ = alice.send(data)
    assert read(file.stored_as) == data
    assert move().left == 0
    assert names(begun[0].current) == {file.stored_as}


def test_files_of_a_locked_tenant_are_left_for_the_next_run(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alice.server.day(DAY)
    name = alice.send(data)[0].stored_as
    moving = begin()

    def fail() -> None:
        raise OperationalError

    at_the_place(monkeypatch, "move:copied", fail)
    report = move()
    assert (report.counts, report.left) == ({move_store.BUSY: 1}, 1)
    assert read(name) == data
    assert move().left == 0
    assert names(moving.fallback) == set()


def test_a_run_that_does_not_see_the_files_of_the_fallback_is_not_the_last(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that does not have the folder, say, or before it is mounted."""
    sent = send_three(alice)
    moving = begin()

    with monkeypatch.context() as patch:
        patch.setattr(store, "names_in", names_in_current_alone(moving))
        report = move()
        assert (report.counts, report.left) == ({move_store.LATE: 3}, 3)
        patch.setattr(moving.fallback, "exists", lambda _: False)
        report = move()
    assert report.counts == {move_store.NOWHERE: 3}
    assert {name for name, _ in report.notes} == set(sent)
    assert move().left == 0


def names_in_current_alone(
    moving: MovingStore,
) -> Callable[[Storage, str], Iterator[str]]:
    names_in = store.names_in

    def seen(storage: Storage, under: str = "") -> Iterator[str]:
        return iter(()) if storage is moving.fallback else names_in(storage, under)

    return seen


def test_a_file_that_a_process_with_earlier_settings_saves_is_left(
    alice: Company, begin: Callable[[], MovingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    send_three(alice)
    moving = begin()
    late: list[str] = []

    def send_to_the_fallback() -> None:
        monkeypatch.setattr(moving, "_save", moving.fallback.save)
        late.append(alice.send(alice.server.day(DAY + timedelta(days=9)))[0].stored_as)

    unmoved_names = unmoved.unmoved_names

    def after_the_last_file(stores: MovingStore) -> Iterator[str]:
        if not late:
            send_to_the_fallback()
        return unmoved_names(stores)

    monkeypatch.setattr(unmoved, "unmoved_names", after_the_last_file)
    report = move()
    assert (report.counts[move_store.LATE], report.left) == (1, 1)
    assert move().left == 0
    assert names(moving.fallback) == set()
