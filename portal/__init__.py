"""Who comes in: people, tenants, tokens, doors, and the work that waits."""

# As the newest heading of CHANGELOG.md says.
VERSION = "Unreleased"
