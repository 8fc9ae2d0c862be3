"""Creates folders as customers have them, and drops them on the upload page."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, Request, expect

from tests.builders import Writer

UPLOAD = "/upload?period=2026-05"
FIRST, LAST = date(2026, 4, 28), date(2026, 5, 27)

# A machine with two cores, and others at work on them.
PATIENCE_MS = 30_000


def write_days(
    folder: Path,
    writer: Writer,
    first: date = FIRST,
    last: date = LAST,
    *,
    without: Iterable[date] = (),
) -> dict[str, bytes]:
    """Write a file a day as a server does; those `without` are lost."""
    folder.mkdir(parents=True, exist_ok=True)
    lost = set(without)
    written = {}
    for number, data in enumerate(writer.days(first, last)):
        day = first + timedelta(days=number)
        name = f"{writer.name}_{day}.usg"
        if day not in lost:
            (folder / name).write_bytes(data)
            written[name] = data
    return written


def drop(page: Page, *paths: Path, onto: str = "#drop") -> None:
    """Drop files or folders, as directory entries, the way a person's mouse does."""
    target = page.locator(onto)
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 20}
    data = {
        "items": [],
        "files": [str(path) for path in paths],
        "dragOperationsMask": 1,
    }
    wire = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        wire.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
    wire.detach()


def sent_by(page: Page) -> list[str]:
    """Collect the names of the files that the page sends from now on."""
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "PUT" and "/api/v1/files/" in request.url:
            sent.append(request.url.rsplit("/", 1)[-1])

    page.on("request", note)
    return sent


def wait_for_end(page: Page, *, timeout: float = PATIENCE_MS) -> Locator:
    """Wait until everything has its verdict; return the summary."""
    title = page.locator("#run-title")
    expect(title).to_have_text("Upload finished", timeout=timeout)
    summary = page.locator("#summary")
    expect(summary).to_be_visible()
    return summary


def verdicts(page: Page) -> list[tuple[str, str]]:
    """Name and word of each row, in the order of the page."""
    found: list[list[str]] = page.locator(".verdict").evaluate_all(
        "rows => rows.map(row => ['name', 'word'].map("
        "part => row.querySelector(`[data-at=${part}]`).textContent))"
    )
    return [(name, word) for name, word in found]
