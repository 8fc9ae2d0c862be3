"""A folder that the page watches, in the browser's own private storage."""

from base64 import b64encode

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.folder_drop import UPLOAD
from tests.builders import Company

# The browser's own dialog cannot be used by a test: a folder of the page's own is
# what it answers with. It is as real as any, but for the permission.
PICKER = """
window.showDirectoryPicker = async () =>
  (await navigator.storage.getDirectory()).getDirectoryHandle("usage", {create: true});
"""

WRITE = """
async ([name, bytes]) => {
  const folder = await showDirectoryPicker();
  const file = await folder.getFileHandle(name, {create: true});
  const writing = await file.createWritable();
  await writing.write(Uint8Array.from(atob(bytes), one => one.charCodeAt(0)));
  await writing.close();
}
"""

LIST = """
async () => {
  const names = [];
  for await (const name of (await showDirectoryPicker()).keys()) names.push(name);
  return names.sort();
}
"""


def put(page: Page, files: dict[str, bytes]) -> None:
    """Write files into the page's own folder."""
    for name, data in files.items():
        page.evaluate(WRITE, [name, b64encode(data).decode()])


def names(page: Page) -> list[str]:
    found: list[str] = page.evaluate(LIST)
    return found


def open_with_folder(open_page: Open, who: Company, files: dict[str, bytes]) -> Page:
    page = open_page(who, "/")
    page.add_init_script(PICKER)
    page.goto(UPLOAD)
    put(page, files)
    page.get_by_role("button", name="Keep a folder open").click()
    expect(page.get_by_role("heading", name="is kept open")).to_be_visible()
    return page
