"""Network ranges of tokens: reading what people type, and comparing addresses."""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from portal.models import NETWORKS_AT_MOST

# Larger ranges are a slip: half of the internet is no limit.
SHORTEST_IPV4, SHORTEST_IPV6 = 8, 16

# An IPv4 address as IPv6 writes it: ::ffff:192.0.2.1.
_MAPPED = IPv6Network("::ffff:0:0/96")


class NetworkError(ValueError):
    """A text that is no network range; `text` is the typed one."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class NetworkTooLargeError(NetworkError):
    """A range that is too large to limit anything."""


class TooManyNetworksError(NetworkError):
    """More ranges than a token can have."""


def read_networks(texts: Iterable[str]) -> list[str]:
    """Return ranges as they are stored: without repeats and host bits, sorted.

    An address without a length is a range of one.

    Raises:
        NetworkError: one of the texts is no range, or there are too many.

    """
    found = {_read(text) for text in texts}
    if len(found) > NETWORKS_AT_MOST:
        raise TooManyNetworksError(str(len(found)))
    return [
        str(one)
        for one in sorted(
            found,
            key=lambda one: (one.version, int(one.network_address), one.prefixlen),
        )
    ]


def is_within(address: str, networks: Sequence[str]) -> bool:
    """Return whether an address is in one of some ranges; none means everywhere.

    An address that is not known is in none.
    """
    if not networks:
        return True
    try:
        found = _plain(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return any(found in ip_network(one) for one in networks)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _read(text: str) -> IPv4Network | IPv6Network:
    try:
        # Not with a zone (`%eth0`), which means something on one machine only.
        network = ip_network("" if "%" in text else text.strip(), strict=False)
    except ValueError as error:
        raise NetworkError(text) from error
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        start = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        network = IPv4Network((start, network.prefixlen - _MAPPED.prefixlen))
    shortest = SHORTEST_IPV4 if network.version == 4 else SHORTEST_IPV6  # noqa: PLR2004 - of IP
    if network.prefixlen < shortest:
        raise NetworkTooLargeError(text)
    return network
