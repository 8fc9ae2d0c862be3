"""A short, repeatable run of the fuzzer, which also runs by hand for longer."""

from pathlib import Path

import pytest

from tests.fuzz import fuzz_usg
from usage.usg import Code

pytestmark = pytest.mark.plain


@pytest.mark.slow
def test_no_changed_file_is_accepted_or_trips_the_reader() -> None:
    tally = fuzz_usg.run(seed=1, rounds=4_000)
    assert tally.outcomes.total() == 4_000
    # It reaches beyond the envelope: most of the codes are seen even in a short run.
    assert len(tally.codes) > len(Code) // 2


def test_the_fuzzer_ends_in_time() -> None:
    tally = fuzz_usg.run(seed=2, seconds=0)
    assert tally.outcomes.total() == 0
    assert Path(fuzz_usg.__file__).name == "fuzz_usg.py"
