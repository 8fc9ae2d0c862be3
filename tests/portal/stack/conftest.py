"""Fixtures of the supervisor's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.portal.stack.stack_copies import Copy


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    made = Copy(tmp_path / "copy")
    yield made
    made.end()


@pytest.fixture(scope="module")
def shared_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """One running copy, for tests that leave it running."""
    made = Copy(tmp_path_factory.mktemp("shared") / "copy")
    made.start()
    yield made
    made.end()
