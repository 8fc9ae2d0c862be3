"""Customers' usage files, servers and keys: receives, judges and forwards them."""

import zoneinfo

# See `portal/__init__.py`.
zoneinfo.reset_tzpath(to=())
