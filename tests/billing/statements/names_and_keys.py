"""The places, people and licence keys that random months are made of."""

from collections.abc import Mapping
from random import Random

# Periods with an ordinary calendar, and periods in which clocks change.
PLACES = [
    ("Europe/Berlin", "2026-05"),
    ("Europe/Berlin", "2026-04"),  # 29 March has 23 hours
    ("Europe/Berlin", "2026-10"),  # 25 October has 25 hours
    ("America/New_York", "2027-03"),
    ("America/New_York", "2026-11"),
    ("America/St_Johns", "2026-11"),
    ("America/Santiago", "2027-09"),  # 5 September begins at 01:00
    ("America/Santiago", "2027-04"),  # 3 April has 25 hours, the last one twice
    ("America/Havana", "2028-11"),  # 5 November has two midnights
    ("Atlantic/Azores", "2026-10"),  # 25 October has two midnights
    ("Asia/Beirut", "2026-04"),  # 29 March begins at 01:00
    ("Australia/Lord_Howe", "2026-04"),  # 5 April has half an hour more
    ("Australia/Lord_Howe", "2026-10"),  # 4 October has half an hour less
    ("Asia/Kolkata", "2026-05"),
    ("Asia/Kathmandu", "2027-01"),
    ("Pacific/Kiritimati", "2027-01"),
    ("Pacific/Pago_Pago", "2028-03"),
]

# Mostly far east or far west of the tenant's zone.
SERVER_ZONES = [
    "Pacific/Kiritimati",
    "Pacific/Kiritimati",
    "Pacific/Auckland",
    "Pacific/Pago_Pago",
    "Pacific/Pago_Pago",
    "Pacific/Honolulu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "America/New_York",
]

# Each tuple holds spellings of one user. Several users differ by their domain alone.
PEOPLE = [
    ("anna", "Anna", "ANNA", " anna "),
    ("anna@example.com", "ANNA@example.com", "Anna@Example.COM"),
    ("CORP\\anna", "corp\\Anna"),
    ("WEST\\anna@example.com", "west\\ANNA@example.com"),
    ("j\u00fcrgen", "ju\u0308rgen", "J\u00dcRGEN", "JU\u0308RGEN"),
    ("CORP\\j\u00fcrgen", "corp\\ju\u0308rgen"),
    ("jurgen",),
    ("stra\u00dfe", "STRASSE", "Stra\u1e9ee"),
    ("\u0130pek", "i\u0307pek", "I\u0307pek"),
    (
        "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
        "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3",
    ),
    ("EAST\\WEST\\omar", "east\\west\\OMAR"),
    ("omar@a@b",),
    ("bob",),
    ("bob.b",),
    ("\u738b\u82b3",),
]

AGENT = ["I3_ACCESS_AGENT", "I3_CONCURRENT_AGENT_2"]
BUSINESS = ["I3_ACCESS_BUSINESS", "I3_ACCESS_CLIENT"]
ADD_ONS = [
    "I3_FEATURE_SUPERVISOR",
    "I3_FEATURE_RECORDER",
    "I3_FEATURE_DIALER",
    "I3_FEATURE_QUALITY",
]
IGNORED = ["I3_FEATURE_FAX", "I3_ACCESS_WEB"]
UNCLASSIFIED = ["I3_FEATURE_NEW", "I3_BETA"]


def random_kinds(rng: Random) -> dict[str, str]:
    """A catalogue with up to four add-ons."""
    kinds = {
        **dict.fromkeys(AGENT, "agent"),
        **dict.fromkeys(BUSINESS, "business"),
        **dict.fromkeys(IGNORED, "ignored"),
        **dict.fromkeys(rng.sample(ADD_ONS, rng.randint(0, 4)), "add_on"),
    }
    keys = rng.sample(sorted(kinds), len(kinds))
    return {key: kinds[key] for key in keys}


def random_licences(rng: Random, kinds: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of one row, some of them as `_CONCURRENT`; rarely none or unknown."""
    add_ons = [key for key, kind in kinds.items() if kind == "add_on"]
    stocks = [AGENT, AGENT, BUSINESS, BUSINESS, BUSINESS, add_ons, IGNORED]
    chosen: list[str] = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        chosen += rng.sample(stock, 1) if (stock := rng.choice(stocks)) else []
    if rng.random() < 0.25:
        chosen += add_ons
    if rng.random() < 0.04:
        chosen.append(rng.choice(UNCLASSIFIED))
    keys = {key + rng.choice(["", "", "_CONCURRENT"]) for key in chosen}
    if rng.random() < 0.03:  # both forms of one key
        keys |= {chosen[0], f"{chosen[0]}_CONCURRENT"} if chosen else set()
    return tuple(rng.sample(sorted(keys), len(keys)))
