"""The compiled lists of packages: complete, pinned, hashed, and no place named."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("requirements", "requirements-run", "requirements-dev")

# What Debian 12 brings, and what the lists are compiled for.
OLDEST_PYTHON = {"python_version": "3.11", "python_full_version": "3.11.2"}


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


@pytest.mark.parametrize("name", NAMES)
def test_everything_asked_for_is_locked(name: str) -> None:
    pins = {canonicalize_name(pin.name): pin for pin, _ in locked(name)}
    for wanted in asked_for(name):
        pin = pins[canonicalize_name(wanted.name)]
        version = str(pin.specifier).removeprefix("==")
        assert wanted.specifier.contains(version, prereleases=True), wanted


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
            if pin.marker is None or pin.marker.evaluate(OLDEST_PYTHON):
                known = versions.setdefault(pin.name, str(pin.specifier))
                assert known == str(pin.specifier), pin
