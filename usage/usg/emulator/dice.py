"""Draws numbers that depend on nothing but a seed, a subject and a number.

A person's draws therefore do not depend on other people, nor on the order of draws.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

# The constants of SplitMix64, which turns a counter into random bits.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
# A float holds 53 bits exactly.
_UNUSED_BITS, _UNIT = np.uint64(11), 2.0**-53


class Dice:
    """The draws of one seed about one subject, such as a day or a server's day."""

    def __init__(self, seed: int, *subject: int | str) -> None:
        self._subject = (seed, *subject)

    def draw(self, purpose: str, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return a value from 0 to below 1 for each number."""
        text = repr((*self._subject, purpose)).encode()
        digest = hashlib.blake2b(text, digest_size=8).digest()
        bits = numbers.astype(np.uint64) * _STEP
        bits += np.uint64(int.from_bytes(digest))
        bits ^= bits >> np.uint64(30)
        bits *= _FIRST_FACTOR
        bits ^= bits >> np.uint64(27)
        bits *= _SECOND_FACTOR
        bits ^= bits >> np.uint64(31)
        return (bits >> _UNUSED_BITS).astype(np.float64) * _UNIT

    def draw_one(self, purpose: str) -> float:
        return float(self.draw(purpose, np.zeros(1, dtype=np.int64))[0])
