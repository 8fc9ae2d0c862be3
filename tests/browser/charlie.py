"""Charlie, of another company, looks everywhere for traces of Alice's upload."""

from collections.abc import Iterator

from playwright.sync_api import APIRequestContext, APIResponse

from tests.builders import Company
from usage.models import UsageFile

# Any 32 letters are a CSRF secret: what counts is that cookie and header agree.
CSRF = "c" * 32

# What Charlie may open of his own; all of it answers.
PAGES = (
    *("/", "/upload?period=2026-05", "/files", "/files/list.csv"),
    *("/safe-to-delete", "/safe-to-delete/list.csv", "/safe-to-delete/SHA256SUMS"),
    *("/servers", "/api/v1/files", "/api/v1/periods/2026-05"),
    *("/uploads", "/api/v1/uploads"),
)

# Of thousands of files these many are asked for one by one.
SAMPLE = 2


def identifiers_of(company: Company, *, beside: Company) -> set[str]:
    """All that names a company and its files, but for what the other has as well."""
    own, other = (_names(one.files()) for one in (company, beside))
    people = {person.email for person in company.people.values()}
    found: set[str] = (own - other) | {company.number} | people
    found |= {person.name for person in company.people.values()}
    return found | {str(file.pk) for file in company.files()}


def _names(files: list[UsageFile]) -> set[str]:
    hashes = {bytes(file.sha256).hex() for file in files if file.sha256}
    return hashes | {file.name for file in files}


def seen(client: APIRequestContext, words: set[str]) -> set[str]:
    """Say which of the words the pages show to whoever this is."""
    found = set()
    for path in PAGES:
        answer = client.get(path)
        assert answer.ok, (path, answer.status)
        text = answer.text()
        found |= {word for word in words if word in text}
    return found


def answers_about(
    client: APIRequestContext, files: list[UsageFile]
) -> Iterator[APIResponse]:
    """Ask for single files and their receipts, by the addresses they have."""
    for file in files[:SAMPLE]:
        yield client.get(f"/files/{file.pk}")
        yield client.get(f"/files/{file.pk}/receipt?format=csv")
        yield client.get(f"/api/v1/files/{file.pk}")


def assert_sees_nothing(
    client: APIRequestContext, charlie: Company, *, of: Company
) -> None:
    """Fail if Charlie, whose browser `client` is of, is told any of it anywhere."""
    words, files = identifiers_of(of, beside=charlie), of.files()
    assert seen(client, words) == set()
    for answer in answers_about(client, files):
        assert answer.status == 404
        # His question names the file; the answer may repeat it, and nothing else.
        text = answer.text()
        assert {one for one in words if one in text and one not in answer.url} == set()
    assert_no_receipt(client, files, words)


def assert_no_receipt(
    client: APIRequestContext, files: list[UsageFile], words: set[str]
) -> None:
    """A receipt of ids that are another's names none of them."""
    ids = "\n".join(str(file.pk) for file in files[:SAMPLE])
    answer = client.post(
        "/files/receipt",
        form={"csrfmiddlewaretoken": CSRF, "ids": ids, "format": "csv"},
    )
    text = answer.text()
    assert answer.status == (200 if files else 422)
    assert [word for word in words if word in text and word not in ids] == []
