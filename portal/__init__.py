"""The foundation app: accounts, tenants, permissions, jobs, mail, audit, health."""

# As the newest heading of CHANGELOG.md says.
VERSION = "Unreleased"
