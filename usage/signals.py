"""Signals sent in the transaction that changes a file or a server.

Usage calls the apps above it by these signals alone; each app connects its own
receivers. Each signal is sent with `at`, the instant of the change.
"""

from django.dispatch import Signal

# Sent with `file`: it has just been accepted, held, refused or moved, or it was
# judged again with another result.
file_changed = Signal()

# Sent with `server`: it was added, or its first or last owed day changed.
servers_changed = Signal()
