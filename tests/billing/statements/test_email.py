"""The mail about an issued version: its figures are those of the frozen document."""

import json
import re
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives

from billing.models import Statement
from billing.statements import email as statement_email
from portal.mail.outbox import WrittenMail
from tests.portal.mail.sent_mails import html_of, links_of

pytestmark = pytest.mark.plain

TO = "ada@a-1.example"


def document(**changes: Any) -> dict[str, Any]:
    """The parts of a document that a mail shows; `changes` replace some of them."""
    counts = {"owed": 3, "missing": 0, "with_us": 0, "pending": 0}
    parts = {
        "statement": {
            "version": 1,
            "state": "issued",
            "issued_at": "2026-06-03T09:00:00Z",
            "reason": "",
            "replaces": None,
        },
        "tenant": {"number": "A-1", "name": "Alice & Sons"},
        "period": {"name": "2026-05", "zone": "Europe/Berlin"},
        "files": {"count": 1234, "unreadable": []},
        "totals": {"rows": 9},
        "lines": [
            {"id": "agent", "peak": 1041, "peak_at": None},
            {"id": "business", "peak": 1, "peak_at": None},
        ],
        "completeness": counts,
        "differences": [],
    }
    return {**parts, **changes}


def later(*differences: dict[str, Any], reason: str = "Found.") -> dict[str, Any]:
    first = document()
    about = {"version": 2, "reason": reason, "replaces": {"version": 1, "sha256": "x"}}
    return {
        **first,
        "statement": {**first["statement"], **about},
        "differences": list(differences),
    }


def difference(line: str, field: str, before: Any, after: Any) -> dict[str, Any]:
    values = {"before": before, "after": after, "because": ["file:" + "a" * 64]}
    return {"line": line, "field": field, "day": None, "hour": None, **values}


def written(content: dict[str, Any], *, to: str = TO) -> WrittenMail:
    statement = Statement(
        tenant_id=1,
        period=content["period"]["name"],
        version=content["statement"]["version"],
        document=json.dumps(content).encode(),
    )
    return statement_email.compose(statement, to=to)


def mail(content: dict[str, Any]) -> EmailMultiAlternatives:
    message = written(content).message
    assert message.to == [TO]
    return message


def parts(message: EmailMultiAlternatives) -> tuple[str, str]:
    return str(message.body), re.sub(r"</?bdi>", "", html_of(message))


def test_a_first_version_has_the_peaks_and_one_link_to_itself(settings: Any) -> None:
    message = mail(document())
    assert message.subject == "A-1: statement of May 2026 issued, version 1"
    for text in parts(message):
        assert "Peak use: 1,041 Agents, 1 Business User." in text
        assert "statement of May 2026 (28 April to 27 May)" in text
        assert "Issued, version 1" in text
        assert "Wed 3 June 2026, 11:00, Berlin" in text
        assert "It was computed from 1,234 usage files." in text
        for absent in ("hanged", "Reason", "incomplete"):
            assert absent not in text
    address = f"{settings.PORTAL_ADDRESS}/billing-data/2026-05?version=1"
    assert html_of(message).count('class="button"') == 1
    assert html_of(message).count(address) == message.body.count(address) == 1
    others = {f"{settings.PORTAL_ADDRESS}/people", f"{settings.PORTAL_ADDRESS}/"}
    assert links_of(message) == {address, *others}


def test_a_later_version_names_its_main_changes_and_its_reason() -> None:
    found = [
        difference("totals", "logins", 1, 2),
        difference("completeness", "server:IC01", "missing", None),
        difference("agent", "used_seconds", 60, 3_725),
        difference("agent", "peak", 1_040, 1_041),
        difference("agent", "named_users", 7, 8),
        difference("agent", "peak_at", None, "2026-05-07T08:00:00Z"),
        {**difference("agent", "peak", 5, 6), "day": "2026-05-07"},
        difference("business", "peak", 2, 1),
        difference("business", "logins", 3, 4),
        difference("add_on:RECORDER", "peak", 0, 1),
    ]
    changes = (
        "Changed since version 1: Agents, named users 8 (was 7);"
        " Agents, peak 1,041 (was 1,040); Business Users, peak 1 (was 2);"
        " Business Users, logins 4 (was 3); 1 more figure."
    )
    message = mail(later(*found, reason="The file\r\nwas found."))
    assert message.subject == "A-1: statement of May 2026 issued, version 2"
    for text in parts(message):
        assert changes in text
        assert "Reason for this version: The file was found." in text
        assert "/billing-data/2026-05?version=2" in text
    for text in parts(mail(later(found[2]))):
        assert "version 1: Agents, time used 1.0 h (was under 0.1 h)." in text
    for text in parts(mail(later(found[0]))):
        assert "are the same as in version 1." in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"missing": 1, "with_us": 2}, "3 of 3 server-days are missing or waiting"),
        ({"missing": 1}, "1 of 3 server-days is missing or waiting"),
    ],
)
def test_a_version_that_was_issued_incomplete_is_marked(
    changes: dict[str, int], expected: str
) -> None:
    content = document()
    content["completeness"] |= changes
    for text in parts(mail(content)):
        assert f"This version was issued incomplete: {expected}" in text


def test_a_first_version_without_servers_is_incomplete_and_a_later_one_is_not() -> None:
    for content, is_incomplete in ((document(), True), (later(), False)):
        content["completeness"]["owed"] = content["files"]["count"] = 0
        for text in parts(mail(content)):
            assert "No usage files for this period." in text
            assert ("incomplete: no server has sent files." in text) is is_incomplete


def test_a_name_and_a_reason_break_neither_header_nor_html() -> None:
    content = later(reason="<b>late</b> & lost")
    content["tenant"]["number"] = "A-1\r\nBcc: spy@evil.example"
    content["tenant"]["name"] = "<script>"
    message = mail(content)
    head = message.message().as_bytes().partition(b"\n\n")[0]
    assert b"\nBcc:" not in head
    assert "&lt;b&gt;late&lt;/b&gt; &amp; lost" in html_of(message)
    assert "<script>" not in html_of(message)
    assert "<b>late</b> & lost" in message.body


def test_the_same_mail_has_the_same_message_id() -> None:
    first = written(document())
    assert first.message_id == written(document()).message_id
    assert first.message.extra_headers["Message-ID"] == first.message_id
    others = (written(later()), written(document(), to="bob@a-1.example"))
    assert len({first.message_id, *(one.message_id for one in others)}) == 3
