"""The portal as people reach it: the real web server on a port of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.live_server import RunningPortal, has_errors, running_portal

# Seconds that an upload may stand still in these tests.
BODY_TIMEOUT = 1


@pytest.fixture
def live_portal(
    db: None, tmp_path: Path, worker_id: str, request: pytest.FixtureRequest
) -> Iterator[RunningPortal]:
    """Serve the test's own database and folder; no answer may be a 5xx.

    A test may ask for another BODY_TIMEOUT by an indirect parameter.
    """
    body_timeout = getattr(request, "param", BODY_TIMEOUT)
    changes = {"BODY_TIMEOUT": str(body_timeout), "S3_BUCKET": f"tests-{worker_id}"}
    database = f"test_portal_{worker_id}"
    with running_portal(tmp_path, database=database, changes=changes) as portal:
        yield portal
    assert [status for status in portal.statuses if status >= 500] == []
    assert not has_errors(portal.log), portal.log
