"""Forms of the pages of servers: owed days, public keys, and the end of a key."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.forms import LineField, LinesField, ReasonField, ReasonForm
from usage.files.names import shown_name
from usage.models import Server, ServerRequestKind
from usage.servers.requests import ServerChange
from usage.usg.header import SERVER_CHARACTERS
from usage.usg.keyfiles import (
    LARGEST_FILE,
    KeyFileError,
    PrivateKeyError,
    Purpose,
    public_key,
)

# How a server is put back into use: a last day that is none.
IN_USE = "in-use"


# A day further away than this is a slip of the pen.
_FURTHEST = timedelta(days=10 * 366)


class ServerChangeForm(forms.Form):
    """A server's first or last owed day."""

    server = forms.TypedChoiceField(coerce=int, label=_("Server"))
    what = forms.ChoiceField(
        label=_("What changes"),
        choices=[
            (ServerRequestKind.FIRST_DAY.value, _("Its first owed day")),
            (
                ServerRequestKind.LAST_DAY.value,
                _("Its last owed day: it is retired after that"),
            ),
            (IN_USE, _("It is in use again, and has no last day")),
        ],
    )
    day = forms.DateField(
        required=False,
        label=_("Day"),
        help_text=_("As 2026-05-28; the server owes that day too."),
    )
    reason = ReasonField(
        required=False,
        help_text=_("Needed where the server would owe less."),
    )

    def __init__(self, *args: Any, servers: Iterable[Server], today: date) -> None:
        super().__init__(*args)
        self._today = today
        field = self.fields["server"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the types
        field.choices = [(server.pk, server.name) for server in servers]

    def clean_day(self) -> date | None:
        day: date | None = self.cleaned_data["day"]
        if day is not None and abs(day - self._today) > _FURTHEST:
            raise ValidationError(_("This day is more than ten years away."))
        return day

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "day" in given and given.get("what") != IN_USE and given["day"] is None:
            self.add_error("day", _("Which day is it?"))
        return given

    def requested_change(self) -> ServerChange:
        given = self.cleaned_data
        is_first = given["what"] == ServerRequestKind.FIRST_DAY
        return ServerChange(
            server_id=given["server"],
            kind=ServerRequestKind.FIRST_DAY
            if is_first
            else ServerRequestKind.LAST_DAY,
            day=None if given["what"] == IN_USE else given["day"],
            reason=given["reason"],
        )


class NewServerForm(forms.Form):
    """A server by its public key file, pasted or as the file itself."""

    name = LineField(
        max_length=SERVER_CHARACTERS,
        label=_("Name of the server"),
        help_text=_("As its usage files name it."),
    )
    key_text = LinesField(
        required=False,
        max_length=LARGEST_FILE,
        label=_("Content of the public key file"),
        help_text=_("Three lines; the first one is “usg-key 1”."),
    )
    key_file = forms.FileField(
        required=False,
        label=_("Or the file itself"),
        help_text=_("Its name ends in .pub."),
    )

    def clean_name(self) -> str:
        name = shown_name(self.cleaned_data["name"])
        if name != self.cleaned_data["name"]:
            raise ValidationError(_("This cannot be the name of a server."))
        return name

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        file = given.get("key_file")
        data = file.read(LARGEST_FILE + 1) if file else b""
        data = data or given.get("key_text", "").strip().encode()
        if not data and not self.errors:
            self.add_error("key_text", _("Paste the key, or choose its file."))
        elif data:
            field = "key_file" if file else "key_text"
            given["public"] = self._public(data, field)
        return given

    def _public(self, data: bytes, field: str) -> bytes | None:
        try:
            return public_key(data, Purpose.SIGNING)
        except PrivateKeyError:
            # Not even on the page that says so: somebody may look over a shoulder.
            self.data = {**dict(self.data.items()), "key_text": ""}
            text = _(
                "This is the private key, which must not leave its server. It was not"
                " kept. Make the server a new pair, and bring the file ending in .pub."
            )
        except KeyFileError:
            text = _("This is not the public key file of a server.")
        self.add_error(field, text)
        return None


class RevokeKeyForm(ReasonForm):
    """From when on a key is revoked: now, or a time before now in the tenant's zone."""

    day = forms.DateField(required=False, label=_("Day"))
    time = forms.TimeField(
        required=False,
        label=_("Time of day"),
        help_text=_("As 14:30; without a time, from the beginning of the day on."),
    )
    field_order = ("day", "time", "reason")

    def __init__(self, *args: Any, zone: str, now: datetime) -> None:
        super().__init__(*args)
        self._zone, self._now = ZoneInfo(zone), now
        self.fields["day"].help_text = _(
            "As 2026-05-28, in %(zone)s. Leave both empty to revoke it from now on."
        ) % {"zone": zone}

    def clean_day(self) -> date | None:
        day: date | None = self.cleaned_data["day"]
        if day is not None and abs(day - self._now.date()) > _FURTHEST:
            raise ValidationError(_("This day is more than ten years away."))
        return day

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        day, at = given.get("day"), given.get("time")
        if at is not None and "day" in given and day is None:
            self.add_error("day", _("Which day is it?"))
        if day is not None:
            # Of two such times, as clocks are set back: the earlier one.
            since = datetime.combine(day, at or time(), self._zone).astimezone(UTC)
            given["since"] = since
            if since > self._now:
                self.add_error("day", _("This time is in the future."))
        return given

    def revoked_from(self) -> datetime | None:
        """Return the instant; None if the key ends at the instant of the request."""
        return self.cleaned_data.get("since")
