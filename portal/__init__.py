"""The foundation app: accounts, tenants, permissions, jobs, mail, audit, health."""

import zoneinfo

# Time zones are those of the pinned `tzdata` package, in every process: by default
# `zoneinfo` prefers the machine's data, which may be older. `usage` and `billing` do
# the same, so that it happens whichever package a process imports first.
zoneinfo.reset_tzpath(to=())

# As the newest heading of CHANGELOG.md says.
VERSION = "Unreleased"
