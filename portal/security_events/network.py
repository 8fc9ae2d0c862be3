"""Finds the network that an IP address is counted by."""

import ipaddress

# Providers give each customer at least this many addresses of IPv6.
_IPV6_PREFIX = 64


def network_of(client: str) -> str:
    """Return the network that an IP address is counted by.

    An IPv4 address is one by itself, also in the form of IPv6 (`::ffff:192.0.2.1`); of
    IPv6 it is the /64. Anything else is counted as it is.
    """
    try:
        found = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
