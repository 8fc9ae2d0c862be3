"""Limits the long bodies that a process reads at once, in all and for one sender.

A long body keeps a thread for as long as its sender takes, up to ten minutes. Half of
the threads read such bodies (`portal.stack.web_worker`): without a limit for each, one
tenant's slow uploads would keep those of all others waiting.
"""

from collections import Counter
from threading import Lock

from django.http import HttpRequest

from portal import env
from portal.accounts.caller import Caller
from portal.errors import Unavailable
from portal.http.endpoint_types import KIB, MIB, BodyKind, Endpoint
from portal.http.request_bodies import announced_length


class Slots:
    """Slots of this process: `in_all` of them, `for_one` sender at most so many."""

    def __init__(self, *, in_all: int, for_one: int) -> None:
        self.in_all, self.for_one = in_all, for_one
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, sender: str) -> None:
        """Take a slot.

        Raises:
            Unavailable: all slots are taken, or all of the sender.

        """
        with self._lock:
            is_full = self._taken.total() >= self.in_all
            if is_full or self._taken[sender] >= self.for_one:
                raise Unavailable("busy")
            self._taken[sender] += 1

    def release(self, sender: str) -> None:
        """Give a slot back."""
        with self._lock:
            self._taken[sender] -= 1
            if not self._taken[sender]:
                del self._taken[sender]


_THREADS = env.whole("WEB_THREADS")

# Uploads that the event loop does not collect: the web server limits them in all.
UPLOADS = Slots(in_all=_THREADS, for_one=max(_THREADS // 4, 1))
_LONG_UPLOAD = 64 * KIB

# Django writes the files of a form to the temporary folder before any view runs. With
# the largest form this limits its size.
FORMS = Slots(in_all=2, for_one=1)
_LARGE_FORM = MIB


def take(request: HttpRequest, endpoint: Endpoint, caller: Caller) -> None:
    """Take a slot for a long body; `release` has to follow the response.

    Raises:
        Unavailable: all slots are taken, in all or of the caller's tenant.

    """
    length = announced_length(request)
    if endpoint.body is BodyKind.FILES and length > _LARGE_FORM:
        slots = FORMS
    elif endpoint.body is BodyKind.STREAM and length > _LONG_UPLOAD:
        slots = UPLOADS
    else:
        return
    is_member = caller.tenant_id is not None
    sender = f"tenant {caller.tenant_id}" if is_member else f"user {caller.user_id}"
    slots.take(sender)
    request.body_slot = slots, sender  # type: ignore[attr-defined]  # until answered


def release(request: HttpRequest) -> None:
    """Release the slot of a request, if it has one."""
    slots, sender = getattr(request, "body_slot", (None, ""))
    if slots is not None:
        request.body_slot = None, ""  # type: ignore[attr-defined]  # see above
        slots.release(sender)
