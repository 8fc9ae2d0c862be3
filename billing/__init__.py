"""Computes owed server-days, deadlines and lateness, and mails reminders."""

import zoneinfo

# See `portal/__init__.py`.
zoneinfo.reset_tzpath(to=())
