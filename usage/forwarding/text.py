"""Texts of failure reasons and findings: what happened, whose turn, what to do.

One table for the failure reasons of jobs, S3's own codes among them, and one for the
findings of the checks of the archive. A code that is in neither is shown as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from usage.models import Report

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Explanation:
    """Title and advice of a code; `is_bad`: it does not pass unless somebody acts."""

    code: str
    title: Text
    advice: Text
    is_bad: bool = True


# Whose turn it is.
_OURS = _("Our turn, and it passes: it is tried again by itself.")
_OPERATOR = _("The operator's turn. Until then it is tried again by itself.")

_CREDENTIALS = _(
    "The operator's turn: check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or the"
    " machine's own identity. Until then it is tried again by itself."
)
_NETWORK = _(
    "The operator's turn if it lasts: check S3_ENDPOINT_URL, S3_REGION, name service"
    " and firewall. It is tried again by itself."
)
_RIGHTS = _(
    "The operator's turn: the identity needs to put, read and list objects in the"
    " bucket. Until then it is tried again by itself."
)
_BUCKET = _(
    "The operator's turn: check S3_BUCKET and S3_REGION. Until then it is tried again"
    " by itself."
)
_KMS = _(
    "The operator's turn: check S3_KMS_KEY_ID and the rights on that key. Until then"
    " it is tried again by itself."
)

_REFUSED = _("S3 does not allow it.")
_UNKNOWN_KEY = _("S3 does not know the access key.")
_EXPIRED = _("The credentials for S3 have expired.")
_TOO_MUCH = _("S3 asks for a slower pace.")
_FAILED = _("S3 failed.")
_UNREACHABLE = _("S3 cannot be reached.")
_SILENT = _("S3 did not answer in time.")
_ELSEWHERE = _("The bucket is in another region.")
_NO_KMS = _("S3 cannot use the encryption key.")

_SIMPLE: Mapping[str, tuple[Text, Text]] = {
    # Credentials and permissions.
    **dict.fromkeys(("AccessDenied", "403", "AllAccessDisabled"), (_REFUSED, _RIGHTS)),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "InvalidClientTokenId", "401"),
        (_UNKNOWN_KEY, _CREDENTIALS),
    ),
    **dict.fromkeys(
        ("ExpiredToken", "TokenRefreshRequired", "RequestExpired", "InvalidToken"),
        (_EXPIRED, _CREDENTIALS),
    ),
    "SignatureDoesNotMatch": (_("The secret key for S3 is wrong."), _CREDENTIALS),
    "NoCredentialsError": (_("There are no credentials for S3."), _CREDENTIALS),
    "RequestTimeTooSkewed": (
        _("The clock of this machine and that of S3 do not agree."),
        _("The operator's turn: set the clock. It is tried again by itself."),
    ),
    # Addresses and the network.
    "NoSuchBucket": (_("There is no such bucket."), _BUCKET),
    **dict.fromkeys(
        (
            *("PermanentRedirect", "301", "AuthorizationHeaderMalformed"),
            "IllegalLocationConstraintException",
        ),
        (_ELSEWHERE, _BUCKET),
    ),
    **dict.fromkeys(
        ("EndpointConnectionError", "ConnectionClosedError", "ProxyConnectionError"),
        (_UNREACHABLE, _NETWORK),
    ),
    "SSLError": (_("S3 does not prove who it is."), _NETWORK),
    **dict.fromkeys(("ReadTimeoutError", "ConnectTimeoutError"), (_SILENT, _NETWORK)),
    # Encryption, load and content.
    **dict.fromkeys(
        (
            *("KMS.NotFoundException", "KMS.DisabledException"),
            *("KMS.AccessDeniedException", "KMS.ThrottlingException"),
        ),
        (_NO_KMS, _KMS),
    ),
    **dict.fromkeys(
        ("SlowDown", "503", "429", "Throttling", "TooManyRequestsException"),
        (_TOO_MUCH, _OURS),
    ),
    **dict.fromkeys(
        ("InternalError", "500", "ServiceUnavailable", "502", "504", "RequestTimeout"),
        (_FAILED, _OURS),
    ),
    **dict.fromkeys(
        ("ConditionalRequestConflict", "OperationAborted", "409"),
        (_("Somebody else wrote the same object at that moment."), _OURS),
    ),
    **dict.fromkeys(
        ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "400"),
        (_("S3 got other bytes than were sent, or could not read the request."), _OURS),
    ),
    # Codes of the portal.
    "not-confirmed": (_("S3 took the file and did not have it afterwards."), _OURS),
    "failed": (_("It failed in the portal itself; the log says how."), _OPERATOR),
    "busy": (_("The customer's files were being worked on."), _OURS),
    "store-away": (
        _("The stored files could not be read."),
        _("The operator's turn: look at the disk or the storage behind it."),
    ),
    "restored-copy": (
        _("This database is a copy; its files on S3 may be another portal's too."),
        _(
            "The operator's turn: give a copy a bucket of its own. If the portal was"
            " restored or moved, run manage.py claim_mail."
        ),
    ),
    "bytes-missing": (
        _("The bytes of a file that is kept are not there."),
        _(
            "The operator's turn, at once: bring them back from a backup. The customer"
            " may still have the file: sent once more it is kept again."
        ),
    ),
    "reader-failed": (
        _("The reader does not survive this file."),
        _("Our turn: it is kept. After a new version of the portal, let it go on."),
    ),
    "foreign-bytes": (
        _("Other bytes than ours lie under its key in S3. They were not touched."),
        _("The operator's turn: see whose they are, move them away, let it go on."),
    ),
    "object-missing": (
        _("It was confirmed, and was no longer in S3. It is sent again."),
        _("The operator's turn: find out who removes objects, and turn on versions."),
    ),
    "object-differs": (
        _("It was confirmed, and S3 has other bytes now. It is sent again."),
        _("The operator's turn: find out who writes there. Nothing is overwritten."),
    ),
    "object-lost": (
        _("S3 has lost it, and the portal keeps its bytes no more."),
        _(
            "The operator's turn, at once: bring the object back from its versions or a"
            " backup, then let it go on. The customer may still have it."
        ),
    ),
    "superseded": (_("Another file counts in its place."), _("Nothing to do.")),
}

# Findings of the checks of the archive alone.
_FOUND: Mapping[str, tuple[Text, Text]] = {
    "row-missing": (
        _("An accepted file was not on its way to S3. It is now."),
        _("Our turn: this is a mistake of the portal. Please report it."),
    ),
    "object-unknown": (
        _("An object lies among a customer's files, and no file of ours is it."),
        _("The operator's turn: see whose it is. The portal never touches it."),
    ),
    "bytes-differ": (
        _("The stored bytes of a file are not those that came."),
        _(
            "The operator's turn, at once: bring it back from a backup, then let it go"
            " on. The customer may still have it: sent once more it is kept again."
        ),
    ),
    "leftover-set-apart": (
        _("Stored bytes without a row were set apart, as a crash leaves them."),
        _(
            "Nothing to do, unless a database was restored from an older copy: then"
            " bring them in again from the folder leftovers. They go after 60 days."
        ),
    ),
    "too-many-leftovers": (
        _("Very many stored files have no row. All stay where they are."),
        _(
            "The operator's turn: after a restored database these may be customers'"
            " files. If they are not, run manage.py collect --all."
        ),
    ),
    "name-unknown": (
        _("Something that is not the portal's lies among the stored files."),
        _("The operator's turn: see what it is. The portal never touches it."),
    ),
    "condition-ignored": (
        _("The archive lets an object be replaced that is there already."),
        _("The operator's turn: nobody else may write there. Use another S3 server."),
    ),
    "checksum-ignored": (
        _("The archive takes bytes that do not have the announced SHA-256."),
        _("The operator's turn: use another S3 server. This one confirms nothing."),
    ),
    "checksum-missing": (
        _("The archive does not give the SHA-256 of an object back."),
        _("Each file is read back to be confirmed. Another S3 server would be faster."),
    ),
    "unversioned": (
        _("The bucket keeps no versions: what somebody removes there is gone."),
        _("The operator's turn: turn on versions if the store has them."),
    ),
    "probe-left": (
        _("The probe could not remove its own object, and left it."),
        _("Nothing to do where nobody may remove anything; else see to the rights."),
    ),
}

# Findings that need no action.
_QUIET = frozenset({"leftover-set-apart", "probe-left", "unversioned", "superseded"})


def explain(code: str) -> Explanation:
    """Return the text of a reason or a finding; an unknown code as it is."""
    title, advice = _SIMPLE.get(code) or _FOUND.get(code) or (code, _OPERATOR)
    return Explanation(code, title, advice, code not in _QUIET)


def report_lines(report: Report) -> Iterator[str]:
    """Yield the lines of a report for a terminal."""
    for what, number in sorted(report.counts.items()):
        yield f"{what}: {number}"
    for finding in report.findings:
        yield f"{finding['code']}: {finding['about']}. {explain(finding['code']).title}"
    if report.problem:
        text = gettext("Not finished: %(why)s")
        yield text % {"why": explain(report.problem).title}
