"""Returns the names that access checks try to reach, from the settings."""

from django.conf import settings

from usage.usg.client.access_check import AccessTarget, Names, names_of


def access_target() -> AccessTarget:
    """Return the names in the settings, or else the documented ones of the region."""
    documented = names_of(region=settings.ACCESS_REGION)
    names = Names(
        bucket=tuple(settings.ACCESS_BUCKET_NAMES) or documented.bucket,
        service=tuple(settings.ACCESS_SERVICE_NAMES) or documented.service,
        region=documented.region,
        issuer=settings.ACCESS_ISSUER,
    )
    return AccessTarget(names, settings.ACCESS_PORT)
