"""Measures forwarding an accepted file to S3, against boto3 and bare HTTP.

    VAR=… python tests/bench/bench_forward.py [--json FILE] [--rounds N]

VAR is that of running engines; `make bench` starts some.
"""

import http.client
import os
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import bench_portal, measurements  # noqa: E402 - the path comes first
from tests.bench.measurements import Candidates, Times, milliseconds  # noqa: E402 - the same

WARMING_UP = 2


def _same(at: datetime) -> datetime:
    return at


def boto3_put(key: str, data: bytes) -> Callable[[], object]:
    """SHA-256 given, as when a file was hashed on its way in."""
    from usage.storage import s3_client

    return partial(
        s3_client.client().put_object,
        Bucket=os.environ["S3_BUCKET"],
        Key=key,
        Body=data,
        ChecksumSHA256=b64encode(sha256(data).digest()).decode(),
    )


def bare_put(key: str, data: bytes) -> Callable[[], object]:
    """To a URL that was signed beforehand: no hash, no library."""
    from usage.storage import s3_client

    url = urlsplit(
        s3_client.client().generate_presigned_url(
            "put_object", Params={"Bucket": os.environ["S3_BUCKET"], "Key": key}
        )
    )
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    connection.connect()

    def put() -> None:
        connection.request("PUT", f"{url.path}?{url.query}", data)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == HTTPStatus.OK, answer.status

    return put


def main() -> None:
    told = measurements.arguments(__doc__, script=__file__, rounds=20)
    times: Times = defaultdict(list)
    with bench_portal.prepared():
        from tests.bench.sized_files import LARGE, Files
        from tests.builders import open_company
        from usage.forwarding.forward import forward_waiting

        company = open_company("B-100", name="Bench", zone="Europe/Berlin")
        files = Files(company)
        for number in range(told.rounds + WARMING_UP):
            data = files.make(LARGE).data
            company.send(data, at=datetime.now(UTC))
            now = datetime.now(UTC)
            candidates: Candidates = {
                "bare HTTP": bare_put(f"bare-{number}", data),
                "boto3": boto3_put(f"boto3-{number}", data),
                "ours, confirmed and marked": partial(
                    forward_waiting, now=partial(_same, now)
                ),
            }
            for name, run in candidates.items():
                times[name].append(milliseconds(run))
        counted = {name: taken[WARMING_UP:] for name, taken in times.items()}
        table = measurements.report("Sending 10 MB to S3", counted, "boto3")
    measurements.write(told.json, {"forward": table})


if __name__ == "__main__":
    main()
