"""Codes and severities of everything that can be wrong with a usage file."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Severity(StrEnum):
    """What a problem does to its file; ACCEPT is the outcome of having none."""

    ACCEPT = "accept"
    WARN = "warn"
    HOLD = "hold"
    REJECT = "reject"


# From harmless to final: a file fares as its worst problem does.
RANK = (Severity.ACCEPT, Severity.WARN, Severity.HOLD, Severity.REJECT)


class Code(StrEnum):
    """Stable: a code is never renamed, reused or given another meaning."""

    FILE_EMPTY = "file-empty"
    FILE_TOO_LARGE = "file-too-large"
    FILE_ZIP = "file-zip"
    FILE_PLAIN_TEXT = "file-plain-text"
    MAGIC_TEXT_MODE = "magic-text-mode"
    MAGIC_SEVEN_BIT = "magic-seven-bit"
    MAGIC_UNKNOWN = "magic-unknown"
    VERSION_UNKNOWN = "version-unknown"
    SUITE_UNKNOWN = "suite-unknown"
    LENGTH_SHORT = "length-short"
    LENGTH_LONG = "length-long"
    LENGTH_IMPOSSIBLE = "length-impossible"

    HEADER_TOO_LARGE = "header-too-large"
    HEADER_NOT_UTF8 = "header-not-utf8"
    HEADER_BYTE_ORDER_MARK = "header-byte-order-mark"
    HEADER_NOT_JSON = "header-not-json"
    HEADER_NESTED = "header-nested"
    HEADER_DUPLICATE = "header-duplicate"
    HEADER_NUMBER = "header-number"
    HEADER_TEXT = "header-text"
    HEADER_FIELD_MISSING = "header-field-missing"
    HEADER_FIELD_INVALID = "header-field-invalid"

    TENANT_OTHER = "tenant-other"
    KEY_UNKNOWN = "key-unknown"
    SIGNER_WEAK = "signer-weak"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNER_UNKNOWN = "signer-unknown"
    SEAL_BROKEN = "seal-broken"

    FRAME_INVALID = "frame-invalid"
    FRAME_SKIPPABLE = "frame-skippable"
    FRAME_SIZE_MISSING = "frame-size-missing"
    FRAME_TOO_LARGE = "frame-too-large"
    FRAME_DICTIONARY = "frame-dictionary"
    FRAME_WINDOW = "frame-window"
    FRAME_TRAILING = "frame-trailing"

    BODY_CUT = "body-cut"
    BODY_MALFORMED = "body-malformed"
    BODY_ENTRY = "body-entry"
    BODY_EXTENSION = "body-extension"
    BODY_TRAILING = "body-trailing"
    TEXTS_TOO_LARGE = "texts-too-large"
    COUNT_TOO_LARGE = "count-too-large"
    COLUMN_LENGTH = "column-length"
    TEXT_INVALID = "text-invalid"
    TEXT_TOO_LONG = "text-too-long"
    TEXT_REPEATED = "text-repeated"
    USER_INDEX = "user-index"
    LICENCE_INDEX = "licence-index"
    LOGOUT_BEFORE_LOGIN = "logout-before-login"
    LOGOUT_AFTER_CLOSE = "logout-after-close"
    FLAGS_UNKNOWN = "flags-unknown"
    FLAGS_CONTRADICT = "flags-contradict"

    CLOSED_BEFORE_OPENED = "closed-before-opened"
    DAY_DIFFERS = "day-differs"
    DAY_OVERRUN = "day-overrun"
    MIDNIGHT_DIFFERS = "midnight-differs"
    CLOCK_AHEAD = "clock-ahead"
    CLOCK_BEHIND = "clock-behind"
    ZONE_UNKNOWN = "zone-unknown"
    OFFSET_DIFFERS = "offset-differs"
    PREVIOUS_MISSING = "previous-missing"


@dataclass(frozen=True, slots=True)
class Spec:
    """Severity and the two English templates, with %(name)s places for params."""

    severity: Severity
    title: str
    advice: str


Params = Mapping[str, str | int]
NO_PARAMS: Params = MappingProxyType({})
