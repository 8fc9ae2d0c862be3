"""What usage tells whoever rests on it, inside the transaction that changed it.

Nothing else crosses from here upwards: who listens does so in its own app. Each is
sent with `at`, the instant of the change.
"""

from django.dispatch import Signal

# Sent with `file`: it is accepted, held, refused or moved since just now, or it was
# judged again and says something else.
file_changed = Signal()

# Sent with `tenant`: a server was added, or owes from or until another day.
servers_changed = Signal()
