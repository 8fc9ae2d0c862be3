"""Adapts the library's factors: secrets are sealed, and the relying party is fixed."""

from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.utils.translation import gettext

from portal.second_factor import sealing


class Factors(DefaultMFAAdapter):
    """The adapter that allauth.mfa calls."""

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.open_sealed(encrypted_text)

    def get_totp_issuer(self) -> str:
        # Apps list codes by it. The Host header, which the library takes, is the
        # client's choice.
        host = urlsplit(settings.PORTAL_ADDRESS).netloc
        return gettext("Usage Portal (%(host)s)") % {"host": host}

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        host = urlsplit(settings.PORTAL_ADDRESS).hostname or ""
        return {"id": host, "name": gettext("Usage Portal")}
