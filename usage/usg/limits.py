"""All limits of the format in one place, each with its reason."""

from dataclasses import dataclass
from datetime import timedelta

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, and sizes in bytes or characters. A reader may be given tighter ones."""

    # The largest customers write 10 MB a day; six times that leaves room to grow.
    file_bytes: int = 64 * MIB
    # A header is about 700 bytes; HPKE takes it as `info`, tried up to this size.
    header_bytes: int = 16 * 1024
    # Four million rows of 15 bytes, or a file of 10 MB unpacked three times over.
    body_bytes: int = 64 * MIB
    # All names of users and licences: two hundred thousand of forty bytes.
    text_bytes: int = 8 * MIB
    # What a decompressor must hold at once; Zstandard asks every decoder for this.
    window_bytes: int = 8 * MIB
    # One a second all day for forty-six agents; more is no longer one server.
    sessions: int = 4_000_000
    # Ten times the largest PureConnect installation.
    users: int = 200_000
    # Index of 16 bits; real servers see a few dozen combinations.
    licence_sets: int = 65_536
    # All names in all sets together: walked one by one, so bounded on its own.
    licence_names: int = 131_072
    # A Windows account with its domain has at most 276 characters; rounded up.
    user_characters: int = 320
    # The longest licence key in the vendor's lists has under 60.
    licence_characters: int = 128


DEFAULT_LIMITS = Limits()

# A server in another zone set wrongly is off by hours; a day covers every such case.
CLOCK_SKEW = timedelta(days=1)
# Nobody is billed for, or excused from, days this long ago.
OLDEST_AGE = timedelta(days=3653)
