"""Mail servers that misbehave: the outcome of a mail, and of the mails after it.

Tested with mails about accounts, which are delivered like all others.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.accounts import request_mails
from portal.accounts import send_mails as account_mails
from portal.db import unit_of_work
from portal.mail import pause
from portal.models import AccountMail
from tests.builders import Company
from tests.portal.mail.hostile_mail_server import (
    CUT,
    DRIP,
    HANG,
    TIMEOUT,
    HostileMailServer,
    hostile_server,
)

# The outcome of a mail: state, reason, and whether other mails are tried at once.
AWAY = ("waiting", "mail-away", False)
UNSURE = ("unsure", "mail-cut", False)

MISBEHAVIOURS = {
    "greets with 421": ({"connect": "421 busy"}, AWAY),
    "greets with 554": ({"connect": "554 go away"}, AWAY),
    "greets with garbage": ({"connect": "\x00\xff what"}, AWAY),
    "hangs after connect": ({"connect": HANG}, AWAY),
    "cuts after connect": ({"connect": CUT}, AWAY),
    "sends a byte now and then": ({"connect": DRIP}, AWAY),
    "hangs at EHLO": ({"EHLO": HANG}, AWAY),
    "answers the sender with 451": (
        {"MAIL": "451 later"},
        ("waiting", "sender-refused", True),
    ),
    "hangs at the recipient": ({"RCPT": HANG}, AWAY),
    "cuts at the recipient": ({"RCPT": CUT}, AWAY),
    "answers the recipient with 421": ({"RCPT": "421 closing"}, AWAY),
    "answers the recipient with 451": (
        {"RCPT": "451 greylisted"},
        ("waiting", "address-refused-for-now", True),
    ),
    "answers the recipient with 550": (
        {"RCPT": "550 unknown"},
        ("failed", "address-refused", True),
    ),
    "answers the recipient with garbage": (
        {"RCPT": "what"},
        ("waiting", "address-refused-for-now", True),
    ),
    "answers DATA with 451": (
        {"DATA": "451 later"},
        ("waiting", "mail-refused-for-now", True),
    ),
    "answers DATA with garbage": ({"DATA": "what"}, AWAY),
    "hangs after DATA": ({"DATA": HANG}, AWAY),
    "cuts after DATA": ({"DATA": CUT}, AWAY),
    "answers the text with 451": (
        {"text": "451 later"},
        ("waiting", "mail-refused-for-now", True),
    ),
    "answers the text with 554": (
        {"text": "554 spam"},
        ("failed", "mail-refused", True),
    ),
    "answers the text with garbage": ({"text": "what"}, UNSURE),
    "hangs after the text": ({"text": HANG}, UNSURE),
    "takes the text and cuts": ({"text": CUT}, UNSURE),
    "hangs at the end": ({"QUIT": HANG}, ("sent", "", True)),
    "cuts at the end": ({"QUIT": CUT}, ("sent", "", True)),
}


@pytest.fixture
def server(alice: Company, settings: Any) -> Iterator[HostileMailServer]:
    with hostile_server(settings) as running:
        yield running


def addresses(company: Company) -> list[str]:
    return [company.people[role].email for role in ("admin", "viewer")]


def request_all(people: list[str]) -> None:
    for address in people:
        request_mails.request_new_password(address)


def rows() -> list[AccountMail]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(AccountMail.objects.order_by("pk"))


def outcomes() -> list[tuple[str, str]]:
    return [(row.shown_state, row.problem) for row in rows()]


def run(at: datetime) -> int:
    """Send until there is nothing that can be sent; return how many were tried."""
    count = 0
    while account_mails.send_waiting(now=lambda: at):
        count += 1
    return count


@pytest.mark.parametrize(
    ("replies", "expected"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS
)
def test_each_misbehaviour_has_its_outcome_and_nothing_is_sent_twice(
    alice: Company,
    server: HostileMailServer,
    replies: dict[str | tuple[str, str], str],
    expected: tuple[str, str, bool],
) -> None:
    first, second = addresses(alice)
    server.replies = dict(replies)
    request_all([first, second])
    state, problem, goes_on = expected
    begun, at = time.monotonic(), timezone.now()
    run(at)
    # Twelve time-outs are the longest conversation; a run has one that hangs.
    assert time.monotonic() - begun < 14 * TIMEOUT
    assert outcomes()[0] == (state, problem)
    # If the server itself fails, the run ends, and the next mail waits.
    assert (rows()[1].attempts > 0) is goes_on
    # Once the server works, each other mail arrives once.
    server.replies = {}
    for minutes in (2, 20, 40):
        run(at + timedelta(minutes=minutes))
    first_again = [] if state in ("failed", "unsure") else [first]
    second_again = [] if state == "failed" else [second]
    to = sorted(one["To"] for one in server.taken)
    if state == "sent":
        assert to == sorted([first, second])
    elif goes_on:
        assert to == sorted([*first_again, *second_again])
    else:
        kept = [first] if replies == {"text": CUT} else []
        assert to == sorted([*first_again, *kept, second])
    assert len({*to}) == len(to)


def test_a_server_that_refuses_connections_is_tried_until_it_is_there(
    alice: Company, settings: Any
) -> None:
    with hostile_server(settings):
        pass
    request_all(addresses(alice)[:1])
    at = timezone.now()
    for hours in range(5):
        run(at + timedelta(hours=hours))
    (row,) = rows()
    assert (row.shown_state, row.problem, row.attempts) == ("waiting", "mail-away", 5)
    with hostile_server(settings) as server:
        run(at + timedelta(hours=9))
    assert [one["To"] for one in server.taken] == addresses(alice)[:1]


@pytest.mark.parametrize("stage", ["RCPT", "DATA", "text"])
def test_a_recipient_who_is_refused_for_now_delays_no_other(
    alice: Company, server: HostileMailServer, stage: str
) -> None:
    first, second = addresses(alice)
    server.replies[stage, first] = "451 mailbox busy"
    request_all([first, second])
    at = timezone.now()
    run(at)
    assert [one["To"] for one in server.taken] == [second]
    server.replies = {}
    run(at + timedelta(minutes=1))
    assert [one["To"] for one in server.taken] == [second, first]


@pytest.mark.parametrize("replies", [{"connect": HANG}, {"text": HANG}])
def test_a_server_that_hangs_is_tried_once_in_a_run_and_not_at_once_by_the_next(
    alice: Company,
    server: HostileMailServer,
    replies: dict[str | tuple[str, str], str],
) -> None:
    request_all(addresses(alice))
    server.replies = replies
    at = timezone.now()
    run(at)
    for seconds in range(1, 40, 3):
        run(at + timedelta(seconds=seconds))
    assert server.connections == 1
    run(at + pause.LENGTH)
    assert server.connections == 2


@pytest.mark.parametrize("option", ["EMAIL_USE_TLS", "EMAIL_USE_SSL"])
def test_a_server_that_ends_tls_is_away(
    alice: Company, server: HostileMailServer, settings: Any, option: str
) -> None:
    request_all(addresses(alice)[:1])
    setattr(settings, option, True)
    run(timezone.now())
    assert outcomes() == [("waiting", "mail-away")]


@pytest.mark.parametrize("challenge", ["334 !", "334 ====", "535 no", "what"])
def test_a_sign_in_that_fails_in_any_way_leaves_the_mail_waiting(
    alice: Company, server: HostileMailServer, settings: Any, challenge: str
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "secret"
    server.replies["AUTH"] = challenge
    request_all(addresses(alice)[:1])
    run(timezone.now())
    assert outcomes() == [("waiting", "mail-away")]


def test_a_mail_is_unsure_after_its_worker_died(
    alice: Company, server: HostileMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(message: object) -> None:
        raise SystemExit

    request_all(addresses(alice)[:1])
    at = timezone.now()
    with monkeypatch.context() as patch:
        patch.setattr(account_mails, "deliver", die)
        with pytest.raises(SystemExit):
            run(at)
    assert outcomes() == [("sending", "")]
    run(at + timedelta(minutes=5))
    assert outcomes() == [("sending", "")]
    run(at + timedelta(minutes=11))
    assert outcomes() == [("unsure", "mail-cut")]
    assert server.given == []
