"""English sentences of all codes: what happened, and whose turn it is.

Endpoints translate them; `gettext_noop` only marks them so that xgettext finds them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from usage.usg.codes import Code, Severity, Spec


def gettext_noop(text: str) -> str:
    return text


_ = gettext_noop

_SEND_AGAIN = _(
    "Upload the original from the usage directory again, in binary mode and unchanged."
    " If that copy is refused too, contact the billing team with this code."
)
_SUPPORT = _(
    "The server wrote a file that breaks the format. Keep the file and contact the"
    " billing team with this code; sending it again does not help."
)
_STAFF_CLOCK = _(
    "Nothing to do now: the billing team will look at it. Check the date, time and time"
    " zone of the server."
)


def _reject(title: str, advice: str) -> Spec:
    return Spec(Severity.REJECT, title, advice)


def _hold(title: str, advice: str) -> Spec:
    return Spec(Severity.HOLD, title, advice)


def _warn(title: str, advice: str) -> Spec:
    return Spec(Severity.WARN, title, advice)


_FILE: dict[Code, Spec] = {
    Code.FILE_EMPTY: _reject(
        _("The file is empty."),
        _(
            "Look at the size of the file in the usage directory. If it is not zero"
            " there, upload it again; if it is, contact the billing team."
        ),
    ),
    Code.FILE_TOO_LARGE: _reject(
        _("The file has %(size)s bytes; at most %(limit)s are allowed."),
        _("Check that this is a usage file. If it is, contact the billing team."),
    ),
    Code.FILE_ZIP: _reject(
        _("This is a ZIP archive, not a usage file."),
        _("Extract the archive and upload the .usg files in it."),
    ),
    Code.FILE_PLAIN_TEXT: _reject(
        _("This is a text file, not a usage file."),
        _("Upload the .usg files from the usage directory, unopened and unedited."),
    ),
    Code.MAGIC_TEXT_MODE: _reject(
        _("The file was changed by a transfer in text mode: its line ends differ."),
        _("Copy the file again in binary mode (FTP: type binary) and upload that."),
    ),
    Code.MAGIC_SEVEN_BIT: _reject(
        _("The file was changed on its way: only seven bits of each byte are left."),
        _("Copy the file again in binary mode, not by mail text, and upload that."),
    ),
    Code.MAGIC_UNKNOWN: _reject(
        _("This is not a usage file."),
        _("Upload the .usg files from the usage directory."),
    ),
    Code.VERSION_UNKNOWN: _reject(
        _("The file has format version %(version)s, which is not known here."),
        _("Keep the file and contact the billing team: the portal may need an update."),
    ),
    Code.SUITE_UNKNOWN: _reject(
        _("The file is encrypted in a way that is not known here (%(suite)s)."),
        _("Keep the file and contact the billing team: the portal may need an update."),
    ),
    Code.LENGTH_SHORT: _reject(
        _("The file was cut: %(size)s of %(declared)s bytes are here."),
        _(
            "Upload the file again. If it is as short on the server, contact the"
            " billing team."
        ),
    ),
    Code.LENGTH_LONG: _reject(
        _("Something was added to the file: %(size)s bytes instead of %(declared)s."),
        _SEND_AGAIN,
    ),
    Code.LENGTH_IMPOSSIBLE: _reject(
        _("The file states a length that cannot be: %(declared)s bytes."),
        _SEND_AGAIN,
    ),
}

_HEADER: dict[Code, Spec] = {
    Code.HEADER_TOO_LARGE: _reject(
        _("The header has %(length)s bytes; at most %(limit)s are allowed."),
        _SEND_AGAIN,
    ),
    Code.HEADER_NOT_UTF8: _reject(_("The header is not UTF-8 text."), _SEND_AGAIN),
    Code.HEADER_BYTE_ORDER_MARK: _reject(
        _("The header begins with a byte-order mark."), _SUPPORT
    ),
    Code.HEADER_NOT_JSON: _reject(
        _("The header is not a readable JSON object."), _SEND_AGAIN
    ),
    Code.HEADER_NESTED: _reject(
        _("The header holds a list or an object where a plain value belongs."),
        _SUPPORT,
    ),
    Code.HEADER_DUPLICATE: _reject(
        _("The header states the field %(field)s more than once."), _SUPPORT
    ),
    Code.HEADER_NUMBER: _reject(
        _("The header holds a number that is not a plain whole number: %(value)s."),
        _SUPPORT,
    ),
    Code.HEADER_TEXT: _reject(
        _("The header holds characters that may not be in it."), _SUPPORT
    ),
    Code.HEADER_FIELD_MISSING: _reject(
        _("The header lacks the field %(field)s."), _SUPPORT
    ),
    Code.HEADER_FIELD_INVALID: _reject(
        _("The header field %(field)s is not as it must be: %(value)s."), _SUPPORT
    ),
}

_TRUST: dict[Code, Spec] = {
    Code.TENANT_OTHER: _reject(
        _("The file belongs to another customer number than the one you act for."),
        _("Choose the customer this file belongs to, then upload it there."),
    ),
    Code.KEY_UNKNOWN: _reject(
        _("The file is encrypted for a key that you do not have here: %(key)s."),
        _(
            "The server was set up with another key. Ask the billing team for the"
            " set-up of this server; files that are written after it can be read."
        ),
    ),
    Code.SIGNER_WEAK: _reject(
        _("The file names a signing key that protects nothing."),
        _("Make a new signing key for this server and register it."),
    ),
    Code.SIGNATURE_INVALID: _reject(
        _("The signature does not fit: the file was changed after it was written."),
        _SEND_AGAIN,
    ),
    Code.SIGNER_UNKNOWN: _hold(
        _("The file is signed with a key not yet registered for %(server)s."),
        _(
            "A tenant admin confirms the key of this server on the page Servers. The"
            " portal keeps the file until then, and judges it by itself afterwards."
        ),
    ),
    Code.SEAL_BROKEN: _reject(
        _("The contents cannot be decrypted."),
        _(
            "Upload the file from the usage directory again. If that copy is refused"
            " too, ask the billing team for the set-up of this server."
        ),
    ),
}

_FRAME: dict[Code, Spec] = {
    Code.FRAME_INVALID: _reject(_("The contents cannot be unpacked."), _SUPPORT),
    Code.FRAME_SKIPPABLE: _reject(
        _("The contents begin with a block that holds no data."), _SUPPORT
    ),
    Code.FRAME_SIZE_MISSING: _reject(
        _("The contents do not state their unpacked size."), _SUPPORT
    ),
    Code.FRAME_TOO_LARGE: _reject(
        _("The contents would unpack to %(size)s bytes; at most %(limit)s may."),
        _SUPPORT,
    ),
    Code.FRAME_DICTIONARY: _reject(
        _("The contents need a compression dictionary, which is not allowed."),
        _SUPPORT,
    ),
    Code.FRAME_WINDOW: _reject(
        _("The contents need %(size)s bytes of window; at most %(limit)s are allowed."),
        _SUPPORT,
    ),
    Code.FRAME_TRAILING: _reject(
        _("Something is hidden behind the compressed contents."), _SUPPORT
    ),
}

_BODY: dict[Code, Spec] = {
    Code.BODY_CUT: _reject(_("The contents end too early, in %(part)s."), _SUPPORT),
    Code.BODY_MALFORMED: _reject(
        _("The contents are not laid out as they must be, in %(part)s."), _SUPPORT
    ),
    Code.BODY_ENTRY: _reject(
        _("The contents have another entry where %(part)s belongs."), _SUPPORT
    ),
    Code.BODY_EXTENSION: _reject(
        _("The contents use a data type that is not allowed, in %(part)s."), _SUPPORT
    ),
    Code.BODY_TRAILING: _reject(
        _("The contents go on after their end, by %(bytes)s bytes."), _SUPPORT
    ),
    Code.TEXTS_TOO_LARGE: _reject(
        _("The names in the file take %(size)s bytes; at most %(limit)s may be."),
        _SUPPORT,
    ),
    Code.COUNT_TOO_LARGE: _reject(
        _("The file states %(count)s entries in %(part)s; at most %(limit)s may be."),
        _SUPPORT,
    ),
    Code.COLUMN_LENGTH: _reject(
        _("The column %(part)s has %(bytes)s bytes instead of %(expected)s."), _SUPPORT
    ),
    Code.TEXT_INVALID: _reject(
        _("A name in %(part)s has characters that may not be in it."), _SUPPORT
    ),
    Code.TEXT_TOO_LONG: _reject(
        _("A name in %(part)s has %(length)s characters; at most %(limit)s may be."),
        _SUPPORT,
    ),
    Code.TEXT_REPEATED: _reject(
        _("A name in %(part)s is listed more than once."), _SUPPORT
    ),
    Code.USER_INDEX: _reject(
        _("Row %(row)s points to user %(value)s, who is not listed."), _SUPPORT
    ),
    Code.LICENCE_INDEX: _reject(
        _("Row %(row)s points to licences %(value)s, which are not listed."), _SUPPORT
    ),
    Code.LOGOUT_BEFORE_LOGIN: _reject(
        _("In row %(row)s the logout (%(value)s) is before the login."), _SUPPORT
    ),
    Code.LOGOUT_AFTER_CLOSE: _reject(
        _("In row %(row)s the logout (%(value)s) is after the end of the file."),
        _SUPPORT,
    ),
    Code.FLAGS_UNKNOWN: _reject(
        _("Row %(row)s has flags that are not known (%(value)s)."), _SUPPORT
    ),
    Code.FLAGS_CONTRADICT: _reject(
        _("In row %(row)s the flags (%(value)s) contradict the times."), _SUPPORT
    ),
}

_PLAUSIBLE: dict[Code, Spec] = {
    Code.CLOSED_BEFORE_OPENED: _hold(
        _("By its own clock the file was closed before it was opened."), _STAFF_CLOCK
    ),
    Code.DAY_DIFFERS: _hold(
        _("The file says it is of %(day)s but was opened on another date."),
        _STAFF_CLOCK,
    ),
    Code.DAY_OVERRUN: _hold(
        _("The file goes on beyond the end of its day, %(day)s."), _STAFF_CLOCK
    ),
    Code.MIDNIGHT_DIFFERS: _hold(
        _("The file says it was closed at midnight but was closed at another time."),
        _STAFF_CLOCK,
    ),
    Code.CLOCK_AHEAD: _hold(
        _("The file is from the future: it was closed at %(closed)s."), _STAFF_CLOCK
    ),
    Code.CLOCK_BEHIND: _hold(
        _("The file is implausibly old: it was opened at %(opened)s."), _STAFF_CLOCK
    ),
    Code.ZONE_UNKNOWN: _hold(
        _("The time zone of the server is not known here: %(zone)s."), _STAFF_CLOCK
    ),
    Code.OFFSET_DIFFERS: _warn(
        _("The server was %(seen)s minutes from UTC; %(zone)s has %(expected)s."),
        _(
            "Nothing needs to be sent again. Install the time zone updates of Windows"
            " on the server, and check its time zone."
        ),
    ),
    Code.PREVIOUS_MISSING: _warn(
        _("File number %(sequence)s does not say which file came before it."),
        _(
            "Nothing needs to be sent again. Tell the billing team if this happens each"
            " day."
        ),
    ),
}

SPECS: Mapping[Code, Spec] = MappingProxyType(
    {**_FILE, **_HEADER, **_TRUST, **_FRAME, **_BODY, **_PLAUSIBLE}
)
