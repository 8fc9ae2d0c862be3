"""Sessions that end some hours after their last use, without a write per request.

Django renews a session by saving all of it, with every request. This store only moves
its end, once an hour, so that a long upload cannot write back what a sign-out or a
switch of the customer has changed in the meantime.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

# How exact "last used" is.
_STEP = timedelta(hours=1)


class SessionStore(db.SessionStore):
    """Django's session in the database, with the time of its end."""

    ends_at: datetime | None = None

    def _get_session_from_db(self) -> Session | None:
        found: Session | None = super()._get_session_from_db()  # type: ignore[misc]  # the stubs leave it out
        self.ends_at = found.expire_date if found else None
        return found

    def renew(self, *, at: datetime) -> None:
        """Let the session last its whole time again, from `at` on."""
        whole = timedelta(seconds=settings.SESSION_COOKIE_AGE)
        if self.ends_at is None or self.ends_at - at > whole - _STEP:
            return
        self.ends_at = at + whole
        self.model.objects.filter(session_key=self.session_key).update(
            expire_date=self.ends_at
        )
