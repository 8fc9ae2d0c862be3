"""Logs every file that was sent and every answer to it, as a customer would."""

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property


class FinalState(StrEnum):
    """The state that a file must have in the end."""

    ACCEPTED = "accepted"
    HELD = "held"
    REJECTED = "rejected"


@dataclass(frozen=True)
class SentContent:
    """Bytes to be sent, and what has to come of them.

    `tenant` is the customer number; `server` and `day` are the cell that the file
    fills once it is accepted.
    """

    tenant: str
    data: bytes
    final_state: FinalState
    server: str
    day: date

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def key(self) -> tuple[str, str]:
        """By what a content is told from all others."""
        return self.tenant, self.sha256


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer that promised something, and how many seconds it took."""

    status: int
    verdict: str
    state: str
    file_id: str
    name: str
    seconds: float


@dataclass
class AnswerLog:
    """All that was sent and answered, by content; threads may write at once.

    `tries` counts every time that a client began to send, `cuts` those that had no
    answer; `refusals` has the answers that promised nothing, by status and code.
    """

    contents: dict[tuple[str, str], SentContent] = field(default_factory=dict)
    answers: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    cuts: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_try(self, content: SentContent) -> None:
        with self._lock:
            self.tries += 1
            self.contents[content.key] = content
            self.answers.setdefault(content.key, [])

    def note_cut(self) -> None:
        with self._lock:
            self.cuts += 1

    def note_refusal(self, status: int, code: str) -> None:
        with self._lock:
            self.refusals[f"{status} {code}"] += 1

    def note_answer(self, content: SentContent, entry: Entry) -> None:
        with self._lock:
            self.answers[content.key].append(entry)

    @property
    def answered(self) -> int:
        return sum(map(len, self.answers.values()))

    @property
    def seconds(self) -> list[float]:
        """How long each answer took."""
        return [one.seconds for entries in self.answers.values() for one in entries]
