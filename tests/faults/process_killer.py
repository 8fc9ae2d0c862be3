"""Kills processes at random, while others work."""

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.shared_portal import KINDS, SharedPortal

# Seconds between two kills: shorter than any part needs to be back, and longer.
PAUSES = (0.1, 2.0)

# All of it at once is ended this often, in kills: it takes seconds to be back.
WHOLE_EVERY = 40


@dataclass
class ProcessKiller:
    """Kills one process after another; `killed` counts them by kind."""

    portal: SharedPortal
    rng: random.Random
    killed: Counter[str] = field(default_factory=Counter)

    def kill(self, times: int) -> None:
        for number in range(times):
            time.sleep(self.rng.uniform(*PAUSES))
            if number % WHOLE_EVERY == WHOLE_EVERY - 1:
                self._end_everything()
            else:
                self._kill_one()

    def _kill_one(self) -> None:
        kinds = list(KINDS)
        self.rng.shuffle(kinds)
        for kind in kinds:
            for pid in self.portal.find(kind)[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.killed[kind] += 1
                return

    def _end_everything(self) -> None:
        ending = self.rng.choice((signal.SIGKILL, signal.SIGTERM))
        self.portal.start_again(ending)
        self.killed[f"everything ({ending.name})"] += 1
