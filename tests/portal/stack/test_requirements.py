"""The compiled requirements: complete, pinned, hashed, and without local paths."""

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("requirements", "requirements-run", "requirements-dev")

# What Debian 12 brings, and what the lists are compiled for.
OLDEST_PYTHON = {"python_version": "3.11", "python_full_version": "3.11.2"}

# The oldest one, and what the Makefile looks for. The image has one of them.
PYTHONS = (
    OLDEST_PYTHON,
    *(
        {"python_version": version, "python_full_version": f"{version}.0"}
        for version in ("3.12", "3.13", "3.14")
    ),
)


def asked_for(name: str) -> Iterator[Requirement]:
    for line in (ROOT / f"{name}.in").read_text().splitlines():
        wanted = line.split("#")[0].strip()
        if wanted and not wanted.startswith("-"):
            yield Requirement(wanted)


def locked(name: str) -> Iterator[tuple[Requirement, int]]:
    """Each pinned package, and how many hashes it has."""
    text = (ROOT / f"{name}.txt").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line.strip())
            yield Requirement(requirement), len(hashes)


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate(environment)


def meets(pin: Requirement, wanted: Requirement) -> bool:
    version = str(pin.specifier).removeprefix("==")
    return wanted.specifier.contains(version, prereleases=True)


@pytest.mark.parametrize("name", NAMES)
def test_everything_asked_for_is_locked(name: str) -> None:
    pins = {canonicalize_name(pin.name): pin for pin, _ in locked(name)}
    for wanted in asked_for(name):
        pin = pins[canonicalize_name(wanted.name)]
        assert meets(pin, wanted), wanted


def required_by(pin: Requirement) -> list[Requirement]:
    """Return all that a package can require, from its installed metadata."""
    # A package for another Python or platform is not installed here.
    lines = metadata.requires(pin.name) if applies(pin, {}) else None
    return [Requirement(line) for line in lines or []]


def not_locked(name: str, python: dict[str, str]) -> set[str]:
    """Return the requirements that a list does not meet, direct and indirect ones."""
    pins = {
        canonicalize_name(pin.name): pin
        for pin, _ in locked(name)
        if applies(pin, python)
    }
    unmet: set[str] = set()
    followed: set[tuple[str, str]] = set()
    waiting = [*asked_for(name)]
    while waiting:
        wanted = waiting.pop()
        pin = pins.get(canonicalize_name(wanted.name))
        if pin is None or not meets(pin, wanted):
            unmet.add(str(wanted))
            continue
        new = {(pin.name, extra) for extra in ("", *wanted.extras)} - followed
        followed |= new
        waiting += [
            required
            for _, extra in new
            for required in required_by(pin)
            if applies(required, {**python, "extra": extra})
        ]
    return unmet


# `pip check` would not find this: it does not look at extras (psycopg[binary]), and it
# sees the three lists as one, while the image has only the first.
@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: python["python_version"])
@pytest.mark.parametrize("name", NAMES)
def test_every_list_includes_all_that_its_packages_require(
    name: str, python: dict[str, str]
) -> None:
    assert not_locked(name, python) == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    for pin, hashes in locked(name):
        assert str(pin.specifier).startswith("=="), pin
        assert pin.url is None
        assert hashes, pin


@pytest.mark.parametrize("name", NAMES)
def test_no_list_names_an_index(name: str) -> None:
    for suffix in ("in", "txt"):
        text = (ROOT / f"{name}.{suffix}").read_text()
        assert not re.search(r"index-url|find-links|https?://|file:", text)


def test_the_lists_agree_with_each_other() -> None:
    versions: dict[str, str] = {}
    for name in NAMES:
        for pin, _ in locked(name):
            if applies(pin, OLDEST_PYTHON):
                known = versions.setdefault(pin.name, str(pin.specifier))
                assert known == str(pin.specifier), pin
