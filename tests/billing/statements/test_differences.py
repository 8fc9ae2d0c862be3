"""Differences name each figure that changed, with both values and the cause."""

import copy
from typing import Any

import pytest

from billing.statements.compute.differences import differences_between

pytestmark = pytest.mark.plain

FILE, OTHER = "a" * 64, "b" * 64
DAY, HOUR = "2026-05-07", "2026-05-07T08:00:00Z"


def entry(sha256: str, day: str = DAY, assigned_day: str | None = None) -> Any:
    place = {"server": "IC01", "series": "x", "sequence": 1}
    return {**place, "sha256": sha256, "day": day, "assigned_day": assigned_day}


def line(**changes: Any) -> dict[str, Any]:
    counted = {"named_users": 3, "peak": 2, "peak_at": HOUR, "logins": 4}
    return {"id": "agent", **counted, **changes}


def statement() -> dict[str, Any]:
    """A statement with one line, one day of it and one hour of that."""
    hour = {"starts_at": HOUR, "lines": [{"id": "agent", "peak": 2, "users": 3}]}
    day = {"day": DAY, "owed": 1, "covered": 1, "lines": [line()], "hours": [hour]}
    return {
        "rules": 1,
        "catalogue": {"version": 1, "entries": []},
        "completeness": {"owed": 1, "received": 1, "days": []},
        "files": {"count": 1, "bytes": 5, "unreadable": []},
        "totals": {"logins": 4},
        "lines": [line()],
        "days": [day],
        "outside": [],
        "doubtful": {"no_logout": 0},
    }


def differences(
    after: dict[str, Any],
    *,
    before: dict[str, Any] | None = None,
    files: Any = (FILE,),
) -> list[dict[str, Any]]:
    return differences_between(
        before or statement(),
        after,
        files_before=[entry(FILE)],
        files_after=[entry(one) if isinstance(one, str) else one for one in files],
    )


def test_the_same_figures_have_no_differences() -> None:
    assert differences(statement()) == []


def test_a_figure_has_both_values_and_the_new_file() -> None:
    after = statement()
    after["lines"] = [line(logins=5)]
    found = differences(after, files=(FILE, OTHER))
    assert found[-1] == {
        "line": "agent",
        "field": "logins",
        "day": None,
        "hour": None,
        "before": 4,
        "after": 5,
        "because": [f"file:{OTHER}"],
    }


def test_a_file_is_named_even_if_all_figures_are_the_same() -> None:
    [gone, new] = differences(statement(), files=(OTHER,))
    place = f"IC01, 1, {DAY}"
    assert (gone["line"], gone["field"], gone["before"], gone["after"]) == (
        *("files", "file"),
        *(place, None),
    )
    assert (new["before"], new["after"], new["because"]) == (
        *(None, place),
        [f"file:{OTHER}"],
    )


def test_a_file_with_another_number_is_named() -> None:
    [found] = differences(statement(), files=({**entry(FILE), "sequence": 7},))
    assert (found["before"], found["after"]) == (f"IC01, 1, {DAY}", f"IC01, 7, {DAY}")


def test_a_file_of_another_day_is_a_cause_on_both_days() -> None:
    after = statement()
    after["days"][0]["lines"] = [line(logins=0)]
    moved = entry(FILE, "2026-05-20", "2026-05-20")
    causes = [one["because"] for one in differences(after, files=(moved,))]
    assert causes == [[f"file:{FILE}"]] * len(causes)
    assert causes


def test_a_day_names_the_files_of_its_own_and_the_next_days() -> None:
    after = statement()
    after["days"][0]["lines"] = [line(logins=6)]
    far = entry("c" * 64, "2026-05-20")
    found = differences(after, files=(FILE, OTHER, far))
    [of_day] = [one for one in found if one["day"] == DAY and one["line"] == "agent"]
    assert of_day["because"] == [f"file:{OTHER}"]


def test_an_hour_is_named_where_its_day_does_not_differ() -> None:
    after = statement()
    after["days"][0]["hours"][0]["lines"] = [{"id": "agent", "peak": 1, "users": 3}]
    [found] = differences(after)
    assert (found["field"], found["day"], found["hour"]) == ("peak", DAY, HOUR)
    after["days"][0]["lines"] = [line(peak=1)]
    assert [one["hour"] for one in differences(after)] == [None]


@pytest.mark.parametrize(
    ("path", "value", "field", "cause"),
    [
        (("completeness", "owed"), 2, "owed", "calendar"),
        (("files", "unreadable"), [OTHER], "unreadable", "calendar"),
        (("doubtful", "no_logout"), 1, "no_logout", "calendar"),
        (("totals", "logins"), 5, "logins", "calendar"),
    ],
)
def test_a_change_without_a_file_is_the_calendars(
    path: tuple[str, str], value: Any, field: str, cause: str
) -> None:
    after = statement()
    after[path[0]][path[1]] = value
    [found] = differences(after)
    assert (found["field"], found["because"]) == (field, [cause])


def test_a_server_day_has_its_state_and_reason_before_and_after() -> None:
    before, after = statement(), statement()
    said = {"server": "IC01", "day": DAY, "state": "lost", "reason": "disk"}
    same = {**said, "server": "IC02"}
    before["completeness"]["days"] = [said, same]
    after["completeness"]["days"] = [{**said, "reason": "burnt"}, same]
    [found] = differences(after, before=before)
    assert (found["field"], found["before"], found["after"]) == (
        *("server:IC01", "lost: disk"),
        "lost: burnt",
    )
    before["completeness"]["days"] = [said]
    [gone] = differences(statement(), before=before)
    assert (gone["after"], gone["because"]) == (None, [f"excuse:IC01:{DAY}"])


def test_a_day_that_owes_more_is_named() -> None:
    after = statement()
    after["days"][0]["owed"] = 2
    [found] = differences(after)
    assert (found["line"], found["field"], found["day"]) == (
        *("completeness", "owed"),
        DAY,
    )


def test_the_catalogue_and_the_rules_are_causes() -> None:
    after = statement()
    after["lines"] = [line(logins=5)]
    after["rules"] = 2
    after["catalogue"] = {"version": 3, "entries": [{"licence_key": "A"}]}
    [found] = differences(after)
    assert found["because"] == ["catalogue:3", "rules:2"]


def test_a_line_of_zeros_that_is_new_is_no_difference() -> None:
    after = copy.deepcopy(statement())
    empty = {"id": "add_on:NEW", "named_users": 0, "peak": 0, "peak_at": None}
    after["lines"].append(empty)
    after["days"][0]["lines"].append(empty)
    assert differences(after) == []
    assert differences(statement(), before=after) == []


def test_a_day_outside_of_the_period_is_compared() -> None:
    after = statement()
    other = {**copy.deepcopy(after["days"][0]), "day": "2026-05-28"}
    after["outside"] = [other]
    days = {one["day"] for one in differences(after)}
    assert days == {"2026-05-28"}


def test_a_server_day_names_the_files_of_its_server_near_it() -> None:
    before = statement()
    missing = {"server": "IC01", "day": DAY, "state": "missing", "reason": ""}
    before["completeness"]["days"] = [missing]
    files = (
        FILE,
        OTHER,
        {**entry("c" * 64), "server": "IC02"},
        entry("d" * 64, "2026-05-20"),
    )
    found = differences(statement(), before=before, files=files)
    [state] = [one for one in found if one["field"] == "server:IC01"]
    assert state["because"] == [f"file:{OTHER}"]


def test_files_are_never_the_catalogues() -> None:
    after = statement()
    after["catalogue"] = {"version": 3, "entries": [{"licence_key": "A"}]}
    after["files"]["count"] = 2
    found = differences(after, files=(FILE, OTHER))
    assert {cause for one in found for cause in one["because"]} == {f"file:{OTHER}"}


def test_causes_are_in_the_order_of_their_days() -> None:
    after = statement()
    after["lines"] = [line(logins=9)]
    files = (FILE, entry("f" * 64, "2026-05-01"), entry("0" * 64, "2026-05-03"))
    found = differences(after, files=files)
    assert found[-1]["because"] == [f"file:{'f' * 64}", f"file:{'0' * 64}"]
