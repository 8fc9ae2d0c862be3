"""The `.usg` format: reads, writes and emulates usage files.

Plain Python: no framework, no settings, no clock. The specification with test vectors
is docs/usg-format.md.
"""

from usage.usg.columns import Flag, OpenedDay, Sessions
from usage.usg.envelope import (
    KeyPair,
    new_sealing_pair,
    new_signing_pair,
    sealing_pair,
    signing_pair,
)
from usage.usg.fingerprints import fingerprint
from usage.usg.header import ClosedBy, Header
from usage.usg.limits import DEFAULT_LIMITS, Limits
from usage.usg.problems import SPECS, Code, Problem, Severity, Spec
from usage.usg.reader import Expected, Reading, peek, read
from usage.usg.summary import Spans, Totals, fold, merge, summarise
from usage.usg.writer import write

__all__ = [
    "DEFAULT_LIMITS",
    "SPECS",
    "ClosedBy",
    "Code",
    "Expected",
    "Flag",
    "Header",
    "KeyPair",
    "Limits",
    "OpenedDay",
    "Problem",
    "Reading",
    "Sessions",
    "Severity",
    "Spans",
    "Spec",
    "Totals",
    "fingerprint",
    "fold",
    "merge",
    "new_sealing_pair",
    "new_signing_pair",
    "peek",
    "read",
    "sealing_pair",
    "signing_pair",
    "summarise",
    "write",
]
