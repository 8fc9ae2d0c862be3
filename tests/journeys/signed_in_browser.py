"""Signs in to a running portal, loads pages and sends their forms, without scripts."""

import re
from html import unescape
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

# Seconds; a page of a busy machine.
PATIENCE = 30


class Browser:
    """Somebody's cookies for the portal at `address`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._cookies))

    def get(self, path: str) -> str:
        """Return the page of a path or whole address, after redirects."""
        return self._load(path).decode()

    def post(self, path: str, **fields: str | list[str]) -> bytes:
        """Send a form with its CSRF token; return the body, after redirects."""
        found = {cookie.name: cookie.value or "" for cookie in self._cookies}
        if "csrftoken" in found:
            fields["csrfmiddlewaretoken"] = found["csrftoken"]
        return self._load(path, urlencode(fields, doseq=True).encode())

    def sign_in(self, login: str, password: str) -> str:
        self.get("/sign-in")
        return self.post("/sign-in", login=login, password=password).decode()

    def _load(self, path: str, body: bytes | None = None) -> bytes:
        address = path if path.startswith("http") else f"{self._address}{path}"
        request = Request(address, body)
        with self._opener.open(request, timeout=PATIENCE) as response:
            found: bytes = response.read()
            return found


def read(page: str) -> str:
    """Return the text of a page as a person reads it."""
    main = page.partition("<main")[2]
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", main).split()))


def hidden_fields(page: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the first form for an address."""
    form = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in fields}
