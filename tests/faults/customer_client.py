"""A customer that makes files, and sends each until it is answered."""

import json
import os
import random
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from portal.stack import ports
from tests.builders import Company, Writer
from tests.faults.answer_log import AnswerLog, Entry, FinalState, SentContent
from usage.usg import KeyPair

# The billing period that all the files are about.
PERIOD = "2026-05"
FIRST_DAY, DAYS = date(2026, 4, 28), 30

# Seconds; whoever was killed is back long before a client gives up.
PATIENCE = 120.0

# A server that hangs is noticed after this many seconds.
READ_TIMEOUT = 30.0

# Between two tries, as `curl --retry` and the browser page wait.
PAUSE = 0.1


class GaveUpError(Exception):
    """Nobody answered for far too long."""


@dataclass
class Customer:
    """A tenant as its own servers see it."""

    tenant_id: int
    number: str
    token: str
    trusted: list[Writer]
    stranger: Writer
    _made: int = field(default=0)

    @classmethod
    def of(cls, company: Company, *, servers: int = 1) -> "Customer":
        """Register servers for a company, the way the product does."""
        names = [f"S{number:03}" for number in range(1, servers)]
        trusted = [company.server, *map(company.registered, names)]
        stranger = company.writer("UNKNOWN")
        return cls(company.id, company.number, company.token, trusted, stranger)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold, for another process."""
        return {
            **{name: getattr(self, name) for name in ("tenant_id", "number", "token")},
            "sealing": self.stranger.sealing_public.hex(),
            "zone": self.stranger.zone,
            "writers": {
                one.name: [one.pair.public.hex(), one.pair.private.hex()]
                for one in (*self.trusted, self.stranger)
            },
        }

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> "Customer":
        """Make a customer of what `to_dict` returned."""
        writers = [
            Writer(
                tenant=found["number"],
                name=name,
                zone=found["zone"],
                sealing_public=bytes.fromhex(found["sealing"]),
                pair=KeyPair(*map(bytes.fromhex, pair)),
            )
            for name, pair in found["writers"].items()
        ]
        who = (found["tenant_id"], found["number"], found["token"])
        return cls(*who, writers[:-1], writers[-1])

    def good(self) -> SentContent:
        """Make a file for a server-day that has none yet."""
        number, day = divmod(self._made, DAYS)
        if number >= len(self.trusted):
            message = "all days of all servers are used up"
            raise LookupError(message)
        self._made += 1
        writer = self.trusted[number]
        return self._content(writer, FIRST_DAY + timedelta(day), FinalState.ACCEPTED)

    def held(self) -> SentContent:
        """Make a genuine file of a server whose key nobody has confirmed."""
        day = FIRST_DAY + timedelta(self.stranger.sequence % DAYS)
        return self._content(self.stranger, day, FinalState.HELD)

    def rejected(self) -> SentContent:
        """Make what is no usage file at all, different each time."""
        return SentContent(
            self.number, os.urandom(3_000), FinalState.REJECTED, "", FIRST_DAY
        )

    def with_final_state(self, final_state: FinalState) -> SentContent:
        makers = {FinalState.HELD: self.held, FinalState.REJECTED: self.rejected}
        return makers.get(final_state, self.good)()

    def any(self, rng: random.Random) -> SentContent:
        """Make a file as they come: most are good, some are not."""
        final_states = (FinalState.ACCEPTED, FinalState.HELD, FinalState.REJECTED)
        return self.with_final_state(rng.choices(final_states, (8, 1, 1))[0])

    def _content(
        self, writer: Writer, day: date, final_state: FinalState
    ) -> SentContent:
        return SentContent(self.number, writer.day(day), final_state, writer.name, day)


@dataclass(frozen=True)
class FaultClient:
    """Sends one customer's files to a port, and logs the answers."""

    port: int
    customer: Customer
    answer_log: AnswerLog

    def try_once(self, content: SentContent, *, name: str = "day.usg") -> Entry | None:
        """Send once; None if there was no answer, or one that promised nothing."""
        self.answer_log.note_try(content)
        began = time.monotonic()
        try:
            status, body = self._put(content, name)
        except (OSError, HTTPException, ValueError):
            # ValueError: an answer that was cut is no JSON.
            self.answer_log.note_cut()
            return None
        if "verdict" not in body:
            self.answer_log.note_refusal(status, body.get("code", ""))
            return None
        file, took = body["file"], time.monotonic() - began
        fields = (status, body["verdict"], file["state"], file["id"], name, took)
        entry = Entry(*fields)
        self.answer_log.note_answer(content, entry)
        return entry

    def send(self, content: SentContent, *, name: str = "day.usg") -> Entry:
        """Send until it is answered.

        Raises:
            GaveUpError: nobody answered.

        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            entry = self.try_once(content, name=name)
            if entry is not None:
                return entry
            time.sleep(PAUSE)
        raise GaveUpError(name)

    def _put(self, content: SentContent, name: str) -> tuple[int, dict[str, Any]]:
        digest = b64encode(bytes.fromhex(content.sha256)).decode()
        headers = {"Content-Digest": f"sha-256=:{digest}:"}
        path = f"/api/v1/files/{quote(name, safe='')}"
        return self._request("PUT", path, content.data, headers)

    def _request(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        headers["Authorization"] = f"Bearer {self.customer.token}"
        connection = HTTPConnection(ports.LOOPBACK, self.port, timeout=READ_TIMEOUT)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def calendar(self) -> dict[tuple[str, str], list[int]]:
        """Return the files' numbers in each cell of the period, by the API."""
        status, period = self._request("GET", f"/api/v1/periods/{PERIOD}", b"", {})
        assert status == 200, period
        return {
            (row["server"], day["day"]): day["sequences"]
            for row in period["calendar"]
            for day in row["days"]
            if day["state"] == "received"
        }


def send_all(
    client: FaultClient, contents: Sequence[SentContent], rng: random.Random
) -> None:
    """Send in random order, some of them twice and under another name."""
    wanted = list(contents)
    rng.shuffle(wanted)
    for number, content in enumerate(wanted):
        client.send(content, name=f"{number}.usg")
        if rng.random() < 0.2:
            client.send(content, name=f"again-{number}.usg")
