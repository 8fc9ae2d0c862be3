"""Which counts a try of a password belongs to: stories of owners and attackers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from portal.accounts import sign_in_limits
from portal.accounts.sign_in_limits import Locked, SignInTry
from portal.db.counters import Counter
from portal.security_events.network import network_of

pytestmark = pytest.mark.plain

BEGIN = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)
OWNER, HOME, OFFICE = "ada@a.example", "203.0.113.9", "198.51.100.1"


@dataclass
class Counts:
    """The counts as the database keeps them, in memory."""

    at: datetime = BEGIN
    found: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def take(self, counter: Counter) -> datetime | None:
        count, until = self.found.get(counter.name, (0, self.at))
        if until <= self.at:
            count, until = 0, self.at + counter.window
        if count >= counter.most:
            return until
        self.found[counter.name] = (count + 1, until)
        return None

    def is_let_in(self, tried: SignInTry, *, is_right: bool) -> bool | None:
        """Try a password; None if there were too many tries before."""
        before = dict(self.found)
        try:
            counters = sign_in_limits.take_all(tried, take=self.take)
        except Locked:
            self.found = before
            return None
        if is_right:
            for counter in counters:
                count, until = self.found[counter.name]
                self.found[counter.name] = (count - 1, until)
            for counter in sign_in_limits.own_counters_of(tried):
                del self.found[counter.name]
        return is_right

    def fail(self, tries: Iterable[SignInTry]) -> int:
        """Try wrong passwords; return how many were looked at."""
        return sum(self.is_let_in(one, is_right=False) is False for one in tries)

    def succeed(self, tried: SignInTry) -> bool:
        return self.is_let_in(tried, is_right=True) is True


Story = Callable[[Counts], None]


def an_owner_mistypes(counts: Counts) -> None:
    mine = SignInTry(OWNER, HOME)
    assert counts.fail([mine] * 4) == 4
    assert counts.succeed(mine)
    # The count is over: the next mistake is the first.
    assert counts.fail([mine] * 9) == 5
    assert not counts.succeed(mine)
    counts.at += timedelta(minutes=15)
    assert counts.succeed(mine)


def trying_on_does_not_prolong_the_wait(counts: Counts) -> None:
    mine = SignInTry(OWNER, HOME)
    for _ in range(3):
        counts.fail([mine] * 20)
        counts.at += timedelta(minutes=5)
    assert counts.succeed(mine)


def an_attacker_elsewhere_keeps_no_owner_out(counts: Counts) -> None:
    assert counts.fail([SignInTry(OWNER, OFFICE)] * 1_000) == 5
    assert counts.succeed(SignInTry(OWNER, HOME))


def many_networks_guess_at_one_address(counts: Counts) -> None:
    everywhere = [SignInTry(OWNER, f"192.0.2.{n % 250}") for n in range(5_000)]
    assert counts.fail(everywhere) == 100
    # A new browser waits; the one that the owner uses does not.
    assert not counts.succeed(SignInTry(OWNER, HOME))
    assert counts.succeed(SignInTry(OWNER, HOME, known_browser="b"))
    # Others are not concerned.
    assert counts.succeed(SignInTry("ben@a.example", "192.0.2.7"))
    counts.at += timedelta(hours=24)
    assert counts.succeed(SignInTry(OWNER, HOME))


def a_colleague_does_not_lock_the_office_out(counts: Counts) -> None:
    assert counts.fail([SignInTry("eve@a.example", OFFICE)] * 500) == 5
    assert counts.succeed(SignInTry(OWNER, OFFICE))


def an_office_of_300_signs_in_after_the_weekend(counts: Counts) -> None:
    people = [SignInTry(f"p{n}@a.example", OFFICE, f"b{n}") for n in range(300)]
    for one in people:
        assert counts.fail([one] * 3) == 3
        assert counts.succeed(one)
    assert counts.succeed(SignInTry(OWNER, OFFICE))


def a_colleague_with_new_browsers_everywhere(counts: Counts) -> None:
    people = [SignInTry(f"p{n}@a.example", OFFICE) for n in range(300)]
    assert counts.fail(people[:90]) == 90
    assert all(counts.succeed(one) for one in people)


def one_password_is_tried_at_many_addresses(counts: Counts) -> None:
    spray = [SignInTry(f"p{n}@a.example", OFFICE) for n in range(5_000)]
    assert counts.fail(spray) == 100
    # Who works behind the same network address goes on with the usual browser.
    assert not counts.succeed(SignInTry(OWNER, OFFICE))
    assert counts.succeed(SignInTry(OWNER, OFFICE, known_browser="b"))
    counts.at += timedelta(hours=1)
    assert counts.succeed(SignInTry(OWNER, OFFICE))


def an_account_of_their_own_gives_no_further_tries(counts: Counts) -> None:
    own = SignInTry("mallory@m.example", OFFICE)
    looked_at = 0
    for number in range(1_000):
        looked_at += counts.fail([SignInTry(f"p{number}@a.example", OFFICE)])
        counts.succeed(own)
    assert looked_at == 100


def whoever_has_copied_the_cookie_has_few_tries_too(counts: Counts) -> None:
    assert counts.fail([SignInTry(OWNER, OFFICE, known_browser="b")] * 100) == 10
    assert counts.succeed(SignInTry(OWNER, HOME))


def addresses_of_one_network_are_one(counts: Counts) -> None:
    many = [SignInTry(OWNER, f"2001:db8:1:2:{n:x}::1") for n in range(100)]
    assert counts.fail(many) == 5
    assert counts.succeed(SignInTry(OWNER, "2001:db8:1:3::1"))


@pytest.mark.parametrize(
    "story",
    [
        an_owner_mistypes,
        trying_on_does_not_prolong_the_wait,
        an_attacker_elsewhere_keeps_no_owner_out,
        many_networks_guess_at_one_address,
        a_colleague_does_not_lock_the_office_out,
        an_office_of_300_signs_in_after_the_weekend,
        a_colleague_with_new_browsers_everywhere,
        one_password_is_tried_at_many_addresses,
        an_account_of_their_own_gives_no_further_tries,
        whoever_has_copied_the_cookie_has_few_tries_too,
        addresses_of_one_network_are_one,
    ],
    ids=lambda story: story.__name__,
)
def test_the_limits_stop_attackers_and_not_owners(story: Story) -> None:
    story(Counts())


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("none of all", "none of all"),
    ],
)
def test_a_client_is_counted_by_its_network(client: str, network: str) -> None:
    assert network_of(client) == network


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(-5, 1), (0, 1), (1, 1), (60, 1), (61, 2), (900, 15)]
)
def test_the_wait_is_told_in_whole_minutes(seconds: int, minutes: int) -> None:
    until = BEGIN + timedelta(seconds=seconds)
    assert sign_in_limits.minutes_until(until, at=BEGIN) == minutes


def test_every_counter_has_a_name_of_its_own() -> None:
    tries = [SignInTry("a", "b"), SignInTry("b", "a"), SignInTry("a", "b", "c")]
    names = {one.key for tried in tries for one in sign_in_limits.counters_of(tried)}
    assert len(names) == 3 + 3 + 1


def test_a_new_password_ends_the_guesses_at_the_old_one() -> None:
    counters = sign_in_limits.counters_of_address(SignInTry(OWNER, HOME))
    assert [one.most for one in counters] == [100, 5]
