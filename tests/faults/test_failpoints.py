"""A process that dies at any failpoint loses nothing, and stores nothing twice.

Once at each place as a rule; with FAULTS_PAIRS at every two of them, one after the
other, on the way of the same file.
"""

import os
from collections.abc import Callable
from itertools import combinations_with_replacement

import pytest

from portal.health import failpoints
from tests.faults.answer_log import FinalState, SentContent
from tests.faults.customer_client import FaultClient
from tests.faults.killable_portal import ALL_TASKS, KILLED, KillablePortal

pytestmark = pytest.mark.faults

# The tasks that reach the places which no request reaches; those of "settle" if a
# file was left unjudged. A place of another beginning has no scenario, and fails here.
TASKS = {
    "inbox": "usage.inbox",
    "sweep": "usage.settle",
    "settle": "usage.settle",
    "summary": "billing.refresh_summaries",
    "forward": "usage.forward",
    "retain": "usage.collect",
}

# The way of an object from an inbox to the end, by stage; the inbox's own places stand
# around those of the request that it has none of.
INBOX_ORDER = (
    *("inbox:listed", "inbox:claimed", "inbox:fetched"),
    *(name for name in failpoints.NAMES if name.startswith(("receive:", "settle:"))),
    *("inbox:received", "inbox:told", "inbox:committed"),
    *(
        name
        for name in failpoints.NAMES
        if name.startswith(("sweep:", "summary:", "forward:", "retain:"))
    ),
)

# Stages that a scenario waits for only if its file is accepted. A held file marks
# summaries too, but may reuse the mark of an earlier one.
ACCEPTED_STAGES = {"summary", "forward", "retain", "regain"}

# The same: a rejected file sets no mark.
MARKED = "settle:marked"

# Between these two places bytes lie there that no row answers for yet.
LEAVES_BYTES = {"receive:kept", "receive:noted", "retain:committed"}

PLACES = (
    list(combinations_with_replacement(failpoints.NAMES, 2))
    if os.environ.get("FAULTS_PAIRS") == "yes"
    else [(name,) for name in failpoints.NAMES]
)


def stage(place: str) -> str:
    return place.partition(":")[0]


def kill_in_request(
    killable: KillablePortal,
    client: FaultClient,
    content: SentContent,
    places: list[str],
) -> None:
    """Have the web server die under the client, which sends until it is answered.

    The second time it may not come to the place any more: the first try had done it.
    """
    killable.arm(*places)
    assert client.try_once(content) is None
    client.send(content, name="sent until answered.usg")


def leave_unjudged(
    killable: KillablePortal,
    client: FaultClient,
    content: SentContent,
    places: list[str],
) -> None:
    """Have the web server die, at last when the row is committed; the client leaves."""
    for place in dict.fromkeys((*places, "receive:committed")):
        killable.arm(place)
        assert client.try_once(content) is None


def go_through(
    killable: KillablePortal,
    client: FaultClient,
    content: SentContent,
    places: tuple[str, ...],
) -> None:
    """Take one file from request to S3, dying at each place on its way."""
    stages = set(map(stage, places))
    if "regain" in stages:
        # The end of its way: it has been everywhere, and is nowhere any more.
        others = tuple(place for place in places if stage(place) != "regain")
        go_through(killable, client, content, others)
        lose(killable, content)
        here = [place for place in places if stage(place) == "regain"]
        kill_in_request(killable, client, content, here)
        return
    if "inbox" in stages:
        # No request is sent here: the task receives the objects of the inbox.
        client.answer_log.note_try(content)
        name = f"{content.sha256}.usg"
        killable.stored.put_into_inbox(client.customer.number, name, content.data)
        # The sweep takes files that were received and not judged.
        unjudged = ("receive:committed",) if "sweep" in stages else ()
        kill_on_inbox_path(killable, [*places, *unjudged])
        return
    is_swept = "sweep" in stages
    request = {"receive"} if is_swept else {"receive", "settle"}
    here = [place for place in places if stage(place) in request]
    if is_swept:
        leave_unjudged(killable, client, content, here)
    elif here:
        kill_in_request(killable, client, content, here)
    else:
        client.send(content)
    kill_tasks(killable, [place for place in places if place not in here])


def lose(killable: KillablePortal, content: SentContent) -> None:
    """Let nobody have a file's bytes: let go here, and then lost by S3."""
    killable.finish_all_jobs()
    killable.stored.let_years_pass()
    assert killable.work.run(TASKS["retain"]) == 0
    killable.stored.lose(content.sha256)
    assert killable.work.run("usage.reconcile") == 0


def kill_tasks(killable: KillablePortal, places: list[str]) -> None:
    """Have the tasks die at places that are theirs, in the order of a file's way."""
    # Whoever sweeps claims a file before it is judged.
    order = list(TASKS)
    at_work = sorted(places, key=lambda place: order.index(stage(place)))
    for number, place in enumerate(at_work):
        killable.stored.let_time_pass()
        if stage(place) == "forward":
            assert killable.work.run(*ALL_TASKS[:-1]) == 0
        if stage(place) == "retain":
            killable.finish_all_jobs()
            killable.stored.let_years_pass()
        code = killable.work.run(TASKS[stage(place)], place=place)
        # What has been committed is not come to again, but for another file perhaps.
        is_over = place.endswith(":committed") and place in at_work[:number]
        assert code == KILLED or (is_over and code == 0)


def kill_on_inbox_path(killable: KillablePortal, places: list[str]) -> None:
    """Have whoever comes to a place die there, on the way from an inbox."""
    for number, place in enumerate(sorted(places, key=INBOX_ORDER.index)):
        killable.stored.let_time_pass()
        tasks = ALL_TASKS
        if stage(place) == "retain":
            killable.finish_all_jobs()
            killable.stored.let_years_pass()
            tasks = (TASKS["retain"],)
        code = killable.work.run(*tasks, place=place)
        # What an earlier try has done is not come to again.
        assert code == KILLED or (number and code == 0)


@pytest.mark.parametrize("places", PLACES, ids=" then ".join)
def test_who_dies_there_loses_and_doubles_nothing(
    killable: KillablePortal,
    open_client: Callable[..., FaultClient],
    places: tuple[str, ...],
) -> None:
    client = open_client()
    for final_state in FinalState:
        needs_accepted = MARKED in places or any(
            stage(place) in ACCEPTED_STAGES for place in places
        )
        if final_state == FinalState.ACCEPTED or not needs_accepted:
            go_through(
                killable, client, client.customer.with_final_state(final_state), places
            )
            # Or the next deaths would be this file's too, and three are its own fault.
            killable.finish_all_jobs()
    client.send(client.customer.good())
    report = killable.finish_and_check(client)
    assert report.bad == []
    # At most what each death between bytes and row has left.
    most = len(FinalState) * sum(place in LEAVES_BYTES for place in places)
    assert len(report.stray) <= most
