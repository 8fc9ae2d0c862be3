"""Explains why passkeys cannot be used at the address that a browser has opened."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext


def passkey_obstacle(host: str) -> dict[str, str]:
    """Return why not, and the address where passkeys can be used; empty if they can.

    Args:
        host: host and port that the reader's browser has opened.

    """
    address = urlsplit(settings.PORTAL_ADDRESS)
    if is_ip_address(address.hostname or ""):
        text = gettext(
            "Passkeys cannot be used: they need a host name, and the address of this"
            " portal is an IP address."
        )
        return {"text": text, "address": ""}
    if host == address.netloc:
        return {}
    text = gettext("Passkeys work only at this address of the portal:")
    return {"text": text, "address": f"{settings.PORTAL_ADDRESS}/"}


def is_ip_address(host: str) -> bool:
    """Return whether a host is an IP address, to which no passkey can belong."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
