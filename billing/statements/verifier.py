"""Recomputes the figures of a statement from its evidence package and compares them.

    python verifier.py EVIDENCE.zip [--figure lines.agent.peak]

Needs Python 3.11 or later, standard library only. The exit code is 0 if all figures
agree, 1 if one differs, 2 if the package cannot be read. The rules are version 1 of
docs/statements.md. Instants are whole seconds since 1970, UTC.
"""

import argparse
import csv
import hashlib
import io
import json
import sys
import zipfile
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, groupby, pairwise
from operator import sub
from typing import IO, Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Spans = dict[int, list[tuple[int, int]]]  # by user: seconds of the day, end excluded
LineDay = tuple[Counter[str], "array[int]", list[int]]  # sums, by second, by hour
HOUR, HELD_SECONDS, DAY = 3_600, 1_800, timedelta(days=1)
# Far above real packages: bytes and lines of an entry, seconds of a file, days.
MOST_BYTES, MOST_LINES, MOST_DAYS = 2**28, 4_000_001, 150
TOTALS, AGENT, BUSINESS, ADD_ON = "totals", "agent", "business", "add_on"
NO_LOGIN, STILL_IN, ALL_FLAGS = 1 | 4, 2, 1 | 2 | 4
DOUBTS = {"restart": "cut_by_restart", "crash": "cut_by_crash", "midnight": "none"}
DOUBTS |= {"shutdown": "no_logout", "clock": "no_logout"}
DOUBTFUL = ["no_logout", "cut_by_restart", "cut_by_crash", "assigned_day_rows"]
COMPARED = ["files", "totals", "lines", "days", "outside", "doubtful"]
HASHED = ["rules", "catalogue", "completeness", *COMPARED]
TAKEN_AS_STATED = ["owed", "covered", "unreadable"]
DIFFERENCES_SHOWN = 20


def refuse(text: str) -> NoReturn:
    raise ValueError(text)


def shown(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def instant(text: str) -> int:
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(at.timestamp())


def sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class EvidenceFile(NamedTuple):
    entry: str  # the entry of the package with its rows
    base: int  # opened_at, shifted to the assigned day
    span: int
    doubt: str  # what its rows with flag 2 count as
    is_assigned: bool


class EvidencePackage:
    place = ""  # what is being read, for messages

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        users = self.table("users.csv", "user,alike")
        self.alike = {int(user): int(alike) for user, alike in users}
        self.statement = self.load("statement.json")

    def open(self, name: str) -> IO[bytes]:
        EvidencePackage.place = name
        if self.archive.getinfo(name).file_size > MOST_BYTES:
            refuse(f"more than {MOST_BYTES} bytes")
        return self.archive.open(name)

    def load(self, name: str) -> Any:
        with self.open(name) as content:
            return json.load(content, parse_float=refuse, parse_constant=refuse)

    def table(self, name: str, header: str) -> Iterator[list[str]]:
        with self.open(name) as content:
            lines = csv.reader(io.TextIOWrapper(content, "utf-8", newline=""))
            if next(lines, None) != header.split(","):
                refuse(f"the first line is not {header}")
            for number, cells in enumerate(lines, 2):
                EvidencePackage.place = f"{name}, line {number}"
                if len(cells) != header.count(",") + 1 or number > MOST_LINES:
                    refuse("wrong number of values, or too many lines")
                yield cells

    def rows(self, file: EvidenceFile) -> Iterator[tuple[int, str, int, int, int]]:
        """Yield user, licences, first instant, end and flags of each row."""
        for cells in self.table(file.entry, "user,licences,login,logout,flags"):
            licences = cells.pop(1)
            user, begin, end, flags = map(int, cells)
            is_sound = user in self.alike and 0 <= flags <= ALL_FLAGS
            if not (is_sound and 0 <= begin <= end <= file.span):
                refuse("a value is out of range, or the user is not in users.csv")
            if begin == end == file.span > 0:
                begin = end = file.span - 1
            yield user, licences, file.base + begin, file.base + end, flags

    def files(self) -> Iterator[tuple[date, int, EvidenceFile]]:
        """Yield the day, the size and the rest of each file."""
        listed = self.load("files.json")["files"]
        opened = self.load("rows.json")["files"]
        names = [file["sha256"] for file in listed]
        if names != [file["sha256"] for file in opened] or len(set(names)) < len(names):
            refuse("not the files of files.json in their order, or a file twice")
        for file, times in zip(listed, opened, strict=True):
            base, assigned = instant(times["opened_at"]), file["assigned_day"]
            span, doubt = instant(times["closed_at"]) - base, DOUBTS[times["closed_by"]]
            if span > MOST_DAYS * 86_400:
                refuse(f"open for more than {MOST_DAYS} days: {file['sha256']}")
            day = date.fromisoformat(assigned or file["day"])
            if assigned:
                wall = datetime.fromtimestamp(base + times["opened_offset"] * 60, UTC)
                base += (day - wall.date()).days * 24 * HOUR
            facts = times["rows"], base, max(span, 0), doubt, bool(assigned)
            yield day, file["size"], EvidenceFile(*facts)


def base_key(written: str) -> str:
    key = written.replace("%7C", "|").replace("%25", "%").strip()
    while key.endswith("_CONCURRENT") and key != "_CONCURRENT":
        key = key.removesuffix("_CONCURRENT").strip()
    return key


class LocalClock(ZoneInfo):
    def offset(self, at: int) -> int:
        local = datetime.fromtimestamp(at, self)
        return int(local.replace(tzinfo=UTC).timestamp()) - at

    def change(self, low: int, high: int) -> int:
        """Return the first instant with another offset than `low`, or `high`."""
        offset, instants = self.offset(low), range(low, high)
        return low + bisect_left(instants, 1, key=lambda at: self.offset(at) != offset)

    def midnight(self, day: date) -> int:
        wall = datetime(day.year, day.month, day.day, tzinfo=self)
        late = int(wall.replace(fold=1).timestamp())
        is_shown = datetime.fromtimestamp(late, self).date() == day
        # If the clocks skip it, fold 1 is before the change and fold 0 after.
        return late if is_shown else self.change(late, int(wall.timestamp()))

    def hours(self, day: date) -> list[int]:
        """Return the starts of the hours of a day, then its end."""
        found, end = [self.midnight(day)], self.midnight(day + DAY)
        while (at := found[-1]) < end:
            found.append(self.change(at, at + HOUR - (at + self.offset(at)) % HOUR))
        return found


def measure(users: Spans, hour_of: list[int]) -> LineDay:
    """Count the users of a line in a day; the sums still lack the logins."""
    by_hour = [0] * (max(hour_of, default=0) + 1)
    changes, seconds = [0] * (len(hour_of) + 1), 0
    for spans in users.values():
        covered, reached = 0, -1
        for begin, end in sorted(spans):
            last = hour_of[max(begin, end - 1)]
            for hour in range(max(hour_of[begin], reached + 1), last + 1):
                by_hour[hour] += 1
            reached = max(reached, last)
            seconds += end - begin
            if end > covered:
                changes[max(begin, covered)] += 1
                changes[end] -= 1
                covered = end
    levels = array("i", accumulate(changes[:-1]))
    sums = {"named_users": len(users), "used_seconds": sum(levels)}
    return Counter(row_seconds=seconds, **sums), levels, by_hour


def peaks(at: int, levels: "array[int]") -> dict[str, Any]:
    """Return the figures of the number of users at each second from an instant."""
    peak, held, held_from = max(levels, default=0), 0, None
    peak_at = shown(at + levels.index(peak)) if peak else None
    runs = [(level, len(list(run))) for level, run in groupby(levels if peak else [])]
    tops = [seconds for level, seconds in runs if level == peak > 0]
    rising: list[tuple[int, int]] = []  # levels, and since when they are reached
    for level, seconds in [*runs, (0, 0)]:
        since = at
        while rising and rising[-1][0] > level:
            height, since = rising.pop()
            if at - since >= HELD_SECONDS and height > held:
                held, held_from = height, shown(since)
        if level > (rising[-1][0] if rising else 0):
            rising.append((level, since))
        at += seconds
    found = {"peak": peak, "peak_at": peak_at, "peak_seconds": sum(tops)}
    found |= {"held_30min": held, "held_30min_from": held_from}
    return found | {"peak_runs": len(tops)}


class Recount:
    def __init__(self, package: EvidencePackage) -> None:
        self.package = package
        entries = package.statement["catalogue"]["entries"]
        self.kinds = {one["licence_key"]: one["kind"] for one in entries}
        if len(self.kinds) < len(entries) or package.statement["rules"] != 1:
            refuse("the catalogue has a key twice, or the rules are not version 1")
        add_ons = sorted(key for key, kind in self.kinds.items() if kind == ADD_ON)
        self.keys = {f"{ADD_ON}:{key}": key for key in add_ons}
        self.lines = [TOTALS, AGENT, BUSINESS, *self.keys]
        self.users: dict[str, set[int]] = {line: set() for line in self.lines}
        self.levels = {line: array("i") for line in self.lines}
        self.sums: dict[str, Counter[str]] = {line: Counter() for line in self.lines}
        self.rows = Counter(dict.fromkeys(DOUBTFUL, 0))
        self.found: dict[str, Any] = {}  # the figures by path
        self.unclassified: set[str] = set()
        self.lines_of = cache(self.classify)

    def classify(self, licences: str) -> list[str]:
        """Return the lines of a row; a row of `business` is one of the totals only."""
        keys = {base_key(key) for key in licences.split("|")} - {""}
        self.unclassified |= keys - self.kinds.keys()
        kinds = {self.kinds.get(key) for key in keys}
        if kinds & {AGENT, ADD_ON}:
            add_ons = [line for line, key in self.keys.items() if key in keys]
            return [TOTALS, AGENT, *add_ons]
        return [TOTALS] if BUSINESS in kinds else []

    def count(self, files: list[EvidenceFile], hours: list[int]) -> dict[str, LineDay]:
        start, end = hours[0], hours[-1]
        spans: dict[str, Spans] = {line: defaultdict(list) for line in self.lines}
        logins = dict.fromkeys(self.lines, 0)
        for file in files:
            for user, licences, begin, after, flags in self.package.rows(file):
                lines, begins = self.lines_of(licences), start <= begin < end
                low, high = max(begin, start) - start, min(after, end) - start
                for line in lines if low < high or begins else ():
                    spans[line][user].append((low, high))
                    logins[line] += begins and not flags & NO_LOGIN
                if lines and begins:
                    self.rows["all"] += 1
                    self.rows["assigned_day_rows"] += file.is_assigned
                    self.rows[file.doubt] += flags & STILL_IN > 0
        hour_of = [n for n, (a, b) in enumerate(pairwise(hours)) for _ in range(b - a)]
        used = {line: measure(spans[line], hour_of) for line in self.lines}
        for line, (sums, _, _) in used.items():
            sums["logins"] = logins[line]
            self.users[line] |= spans[line].keys()
        whole, part = used[TOTALS], used[AGENT]
        rest = Counter({name: n - part[0][name] for name, n in whole[0].items()})
        levels = array("i", map(sub, whole[1], part[1]))
        return used | {BUSINESS: (rest, levels, list(map(sub, whole[2], part[2])))}

    def put(self, path: str, **figures: Any) -> None:
        self.found |= {f"{path}.{name}": value for name, value in figures.items()}

    def put_day(self, path: str, hours: list[int], used: dict[str, LineDay]) -> None:
        start = hours[0]
        self.put(path, starts_at=shown(start), ends_at=shown(hours[-1]))
        for line in self.lines[1:]:
            sums, levels, by_hour = used[line]
            peak = max(levels, default=0)
            peak_at = shown(start + levels.index(peak)) if peak else None
            self.put(f"{path}.{line}", **sums, peak=peak, peak_at=peak_at)
            for users, (begin, end) in zip(by_hour, pairwise(hours), strict=False):
                peak, hour = max(levels[begin - start : end - start]), shown(begin)
                self.put(f"{path}.hours.{hour}.{line}", peak=peak, users=users)

    def put_period(self, start: int) -> None:
        named = {line: len(users) for line, users in self.users.items()}
        named[BUSINESS] = named[TOTALS] - named[AGENT]
        for line, key in [(line, self.keys.get(line)) for line in self.lines]:
            figures = {**self.sums[line], **peaks(start, self.levels[line])}
            figures["named_users"], kind = named[line], line.partition(":")[0]
            if line == TOTALS:
                del figures["held_30min"], figures["held_30min_from"]
                self.put(TOTALS, **figures, rows=self.rows["all"])
            else:
                figures |= {"kind": kind, "licence_key": key, "unit": "users"}
                self.put(f"lines.{line}", **figures)
        alike = Counter(self.package.alike[user] for user in self.users[TOTALS])
        self.put("doubtful", alike_groups=sum(n > 1 for n in alike.values()))
        self.put("doubtful", **{name: self.rows[name] for name in DOUBTFUL})
        self.put("catalogue", unclassified=sorted(self.unclassified))

    def add_day(self, path: str, files: list[EvidenceFile], hours: list[int]) -> None:
        start, end = hours[0], hours[-1]
        later = [file for file in files if start < file.base + max(file.span, 1)]
        used = self.count([file for file in later if file.base < end], hours)
        for line, (sums, levels, _) in used.items():
            self.sums[line].update(sums)
            self.levels[line].extend(levels)
        if path.startswith("days") or used[TOTALS][0]["named_users"]:
            self.put_day(path, hours, used)

    def run(self) -> dict[str, Any]:
        period = self.package.statement["period"]
        clock = LocalClock(period["zone"])
        first = date.fromisoformat(period["first_day"])
        last = date.fromisoformat(period["last_day"])
        starts_at, ends_at = clock.midnight(first), clock.midnight(last + DAY)
        self.put("period", starts_at=shown(starts_at), ends_at=shown(ends_at))
        counted = [one for one in self.package.files() if first <= one[0] <= last]
        self.put("files", count=len(counted), bytes=sum(size for _, size, _ in counted))
        self.put("files", manifest_sha256=sha256(self.package.load("files.json")))
        files = [file for _, _, file in counted]
        ends = [at for file in files for at in (file.base, file.base + file.span)]
        dates = [datetime.fromtimestamp(at, clock).date() for at in ends]
        # Before a midnight that is shown twice, the date is that of the next day.
        low, high = min([first, *dates]) - DAY, max([last, *dates])
        if first > last or (high - low).days > MOST_DAYS:
            refuse(f"the period and its files have no days, or more than {MOST_DAYS}")
        for day in (low + number * DAY for number in range((high - low).days + 1)):
            outside = "outside.before" if day < first else "outside.after"
            path = f"{'days' if first <= day <= last else outside}.{day}"
            self.add_day(path, files, clock.hours(day))
        self.put_period(clock.midnight(low))
        return self.found


def flatten(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each stated figure."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        labels = ["starts_at"] if path.endswith(".hours") else ["side", "day", "id"]
        for one in value:
            names = [str(one.pop(label)) for label in labels if label in one]
            yield from flatten(".".join([path.removesuffix(".lines"), *names]), one)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in TAKEN_AS_STATED:
                yield from flatten(f"{path}.{key}", inner)
    else:
        yield path, value


def stated_figures(statement: Any) -> dict[str, Any]:
    found = [("catalogue.unclassified", statement["catalogue"]["unclassified"])]
    for name in ("starts_at", "ends_at"):
        found.append((f"period.{name}", statement["period"][name]))
    for name in ["figures_sha256", *COMPARED]:
        found += flatten(name, statement[name])
    if len(dict(found)) < len(found):
        refuse("a day, an hour, a line or a figure is stated twice")
    return dict(found)


def report(stated: dict[str, Any], found: dict[str, Any], figure: str | None) -> int:
    """Print the comparison, or one figure only, and return the exit code."""
    one, two = ({path: json.dumps(of[path]) for path in of} for of in (stated, found))
    paths = [path for path in one | two if figure in (None, path)]
    if not paths:
        refuse(f"no figure has the path {figure!r}")
    wrong = [path for path in paths if one.get(path) != two.get(path)]
    lines = [
        f"{json.dumps(path)[1:-1]}: stated {one.get(path, 'nothing')}, "
        f"recomputed {two.get(path, 'nothing')}"
        for path in (paths if figure else wrong[:DIFFERENCES_SHOWN])
    ]
    if not figure:
        kinds = ["hours" if ".hours." in path else path.split(".")[0] for path in paths]
        counts = [f"{kind}: {n} compared" for kind, n in Counter(kinds).items()]
        counts.append(f"completeness, {', '.join(TAKEN_AS_STATED)}: taken as stated")
        lines = [*counts, *lines, f"{len(wrong)} of {len(paths)} figures differ."]
        if not wrong:
            lines[-1] = f"All {len(paths)} figures agree."
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Recompute a statement's figures.")
    parser.add_argument("package", help="the evidence package, a ZIP file")
    parser.add_argument("--figure", help="print one only, such as lines.agent.peak")
    options = parser.parse_args(arguments)
    EvidencePackage.place = options.package
    try:
        with zipfile.ZipFile(options.package) as archive:
            package = EvidencePackage(archive)
            found = Recount(package).run()
        EvidencePackage.place = "statement.json"
        hashed = {name: package.statement[name] for name in HASHED}
        found["figures_sha256"] = sha256(hashed)
        return report(stated_figures(package.statement), found, options.figure)
    except Exception as error:  # noqa: BLE001 - a damaged package may raise anything
        hint = "; try: pip install tzdata" * isinstance(error, ZoneInfoNotFoundError)
        text = str(error) if isinstance(error, ValueError) else repr(error)
        sys.stderr.write(f"Cannot verify: {EvidencePackage.place}: {text}{hint}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
