"""One number: each figure of a random month is the same in every place that shows it.

The document itself is compared with the truth in `test_one_truth.py`.
"""

import importlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine

from billing.statements import email, issue, page_body, stored_pdfs
from billing.statements.issue import IssueRequest
from tests.billing.statements.emulated_months import (
    AFTER,
    APRIL,
    Emulated,
    emulated_april,
)
from tests.billing.statements.shown_places import (
    LINES,
    PLACES,
    Place,
    agree,
    changed,
    grouped,
    line_of,
)
from tests.billing.statements.statement_tenants import MEMBERS, ApiReader
from tests.builders import Company


@pytest.fixture
def emulated(db: None, tmp_path: Path) -> Emulated:
    """A random month; pytest states the seed of all random numbers at its start."""
    seed = random.randrange(10**6)
    return emulated_april(tmp_path / "directory", servers=("IC01",), seed=seed)


@time_machine.travel(AFTER, tick=False)
def test_each_figure_is_the_same_in_every_place(
    emulated: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = MEMBERS["viewer"](emulated.company)
    document = json.loads(reader.get("/statements/2026-04").content)
    shown = {place.name: read(place, reader) for place in PLACES}
    for place in PLACES:
        expected = place.expected(document)
        if isinstance(expected, dict):
            assert shown[place.name] == expected, place.name
        assert agree(shown[place.name], expected), place.name
    # Each place would show another figure, if it were given one.
    for place in PLACES:
        with monkeypatch.context() as patch:
            make_wrong(patch, place)
            shown_wrong = read(place, reader)
        assert not agree(shown_wrong, place.expected(document)), place.name
    check_mail(emulated.company, document)


def read(place: Place, reader: ApiReader) -> Any:
    page_body._body.cache_clear()
    stored_pdfs.pdf_of_current.cache_clear()
    return place.read(reader)


def make_wrong(patch: pytest.MonkeyPatch, place: Place) -> None:
    name, function = place.wrong
    module = importlib.import_module(name)
    right: Callable[..., Any] = getattr(module, function)

    def wrong(figures: Any, *others: Any, **named: Any) -> Any:
        return right(changed(figures), *others, **named)

    patch.setattr(module, function, wrong)


def check_mail(company: Company, document: dict[str, Any]) -> None:
    """Compare the mail about the issued version with the document."""
    wanted = IssueRequest(
        period=APRIL, by="clara", at=AFTER, reason="deadline", with_incomplete=True
    )
    version = issue.issue(company.id, wanted)
    issued = json.loads(bytes(version.document))
    assert issued["figures_sha256"] == document["figures_sha256"]
    peaks = [grouped(line_of(document, line)["peak"]) for line in LINES]
    expected = (
        "Peak use: {} Agents, {} Business Users.".format(*peaks),
        f"It was computed from {document['files']['count']} usage files.",
    )

    def written(of: dict[str, Any]) -> str:
        version.document = json.dumps(of).encode()
        return str(email.compose(version, to="admin@a-1.example").message.body)

    for sentence in expected:
        assert sentence in written(issued)
        assert sentence not in written(changed(issued))
