"""Network ranges of tokens are cleaned, bounded and compared."""

import pytest

from portal.accounts.networks import (
    NetworkError,
    NetworkTooLargeError,
    TooManyNetworksError,
    is_within,
    read_networks,
)

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (["192.0.2.7"], ["192.0.2.7/32"]),
        (["192.0.2.77/24", "192.0.2.0/24"], ["192.0.2.0/24"]),
        (["192.0.2.0/255.255.255.0"], ["192.0.2.0/24"]),
        (["2001:DB8::1/48"], ["2001:db8::/48"]),
        (["::ffff:192.0.2.0/120"], ["192.0.2.0/24"]),
        (["2001:db8::/32", "198.51.100.0/24"], ["198.51.100.0/24", "2001:db8::/32"]),
        ([], []),
    ],
)
def test_ranges_are_stored_in_one_form(typed: list[str], stored: list[str]) -> None:
    assert read_networks(typed) == stored
    assert read_networks(stored) == stored


@pytest.mark.parametrize(
    "text", ["", "nonsense", "192.0.2.0/33", "1.2.3", "fe80::1%eth0", "192.0.2.1/24/8"]
)
def test_other_text_is_no_range(text: str) -> None:
    with pytest.raises(NetworkError):
        read_networks([text])


@pytest.mark.parametrize("text", ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2000::/3"])
def test_half_of_the_internet_is_no_limit(text: str) -> None:
    with pytest.raises(NetworkTooLargeError):
        read_networks([text])


def test_a_token_has_at_most_twenty_ranges() -> None:
    ranges = [f"192.0.{number}.0/24" for number in range(21)]
    assert len(read_networks([*ranges[:20], ranges[0]])) == 20
    with pytest.raises(TooManyNetworksError):
        read_networks(ranges)


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("192.0.2.255", True),
        ("::ffff:192.0.2.1", True),
        ("192.0.3.0", False),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("2001:db9::1", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_an_address_is_in_a_range_however_it_is_written(
    address: str, *, is_in: bool
) -> None:
    assert is_within(address, ["192.0.2.0/24", "2001:db8::/32"]) is is_in


def test_without_ranges_every_address_is_allowed() -> None:
    assert is_within("", [])
