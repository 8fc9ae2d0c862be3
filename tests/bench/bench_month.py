"""Measures uploading a month by page and API, against other file servers.

    VAR=… python tests/bench/bench_month.py [--json FILE] [--rounds N]

62 new files of 3 MB each time, by every candidate in every round: the upload page in a
real Chromium, a script one after another and as many at once as the page, and the same
bytes to nginx (DAV) and copyparty, where they are installed. VAR is that of running
engines; `make bench` starts some.
"""

import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from portal.stack import ports  # noqa: E402 - the path comes first
from tests.bench import bench_portal, measurements  # noqa: E402 - the same
from tests.bench.measurements import Times, milliseconds  # noqa: E402 - the same
from tests.bench.other_servers import hashed, put_all, run_other_servers  # noqa: E402 - the same

if TYPE_CHECKING:
    from tests.bench.sized_files import Files, SizedBody

# Two servers' days, of the usual size.
MONTH, SIZE = 62, "3 MB"

# As many as the page sends at once.
AT_ONCE = 4

WARMING_UP = 1
BASE = "API, one by one"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def at_once(send: Callable[[Any], None], bodies: list[tuple[str, "SizedBody"]]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = [bodies[share::AT_ONCE] for share in range(AT_ONCE)]
        list(pool.map(send, shares))


class UploadPage:
    """The upload page in a browser, as a person has it before them."""

    def __init__(self, browser: Any, web: bench_portal.Web, cookie: str) -> None:
        address = f"http://{ports.LOOPBACK}:{web.port}"
        context = browser.new_context(base_url=address)
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])
        self._page = context.new_page()

    def open(self) -> None:
        self._page.goto("/upload")

    def send(self, folder: Path) -> None:
        """Choose a folder; return when the page says that all of it is here."""
        files = sorted(str(path) for path in folder.iterdir())
        self._page.locator("#pick-files").set_input_files(files)
        self._page.locator("#run-title").get_by_text("Upload finished").wait_for(
            timeout=300_000
        )


def to_folder(folder: Path, bodies: list[tuple[str, "SizedBody"]]) -> Path:
    folder.mkdir()
    for number, body in bodies:
        (folder / f"{number}.usg").write_bytes(body.data)
    return folder


def month(files: "Files", name: str) -> list[tuple[str, "SizedBody"]]:
    return [(f"{name}-{number}", files.make(SIZE)) for number in range(MONTH)]


def of_portal(token: str, body: "SizedBody") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Digest": body.digest}


def rounds(told: Any, folder: Path, company: Any, files: "Files") -> Times:
    from playwright.sync_api import sync_playwright

    times: Times = defaultdict(list)
    # Before the browser's loop runs in this thread, which the database would mind.
    cookie = session_of(company)
    chromium = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, CHROMIUM)), None
    )
    with (
        run_other_servers(folder) as others,
        bench_portal.serving("portal.wsgi:application") as web,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = UploadPage(browser, web, cookie)
        ours = partial(put_all, web.port, "/api/v1/files/")
        headers = partial(of_portal, company.token)
        for number in range(told.rounds + WARMING_UP):
            one, four, dropped = (month(files, f"{number}-{n}") for n in range(3))
            chosen = to_folder(folder / f"month-{number}", dropped)
            page.open()
            times[BASE].append(milliseconds(partial(ours, headers, one)))
            several = partial(at_once, partial(ours, headers), four)
            times["API, four at once"].append(milliseconds(several))
            sending = partial(page.send, chosen)
            times["upload page in Chromium"].append(milliseconds(sending))
            for name, other in others.items():
                send = partial(put_all, other.port, other.path, hashed, one)
                times[f"{name}, one by one"].append(milliseconds(send))
            shutil.rmtree(chosen)
        browser.close()
    return {name: taken[WARMING_UP:] for name, taken in times.items()}


def session_of(company: Any) -> str:
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(company.people["admin"])
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def main() -> None:
    told = measurements.arguments(__doc__, script=__file__, rounds=5)
    with bench_portal.prepared(), tempfile.TemporaryDirectory() as scratch:
        from django.core.management import call_command

        from tests.bench.sized_files import Files
        from tests.builders import open_company

        call_command("collectstatic", interactive=False, verbosity=0)
        company = open_company("B-100", name="Bench", zone="Europe/Berlin")
        Path(scratch).chmod(0o755)
        times = rounds(told, Path(scratch), company, Files(company))
        table = measurements.report(f"{MONTH} files of {SIZE}", times, BASE)
        beside = measurements.report("", times, "API, four at once")
    measurements.write(told.json, {"month": table, "month, four at once": beside})


if __name__ == "__main__":
    main()
