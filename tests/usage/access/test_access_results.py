"""Results of access checks: reported with a token, shown to the tenant alone."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from portal.db import unit_of_work
from portal.models import Scope
from portal.templatetags.shown import code_spans
from tests.builders import Company
from tests.docs_pages import DOCS
from tests.journeys import connect_proxy
from tests.journeys.connect_proxy import ConnectProxy
from tests.usage.access.s3_names import NAMES, Network, running
from usage.connectivity import results
from usage.models import AccessResult
from usage.sender.package import sender_file
from usage.sender.script import sender_script
from usage.usg.client import access_text
from usage.usg.client.access_check import check_access
from usage.usg.client.access_probe import ProbeLimits
from usage.usg.client.proxy import Proxy

ADDRESS = "/api/v1/access-checks"


def document(machine: str = "ic1", **network: Any) -> dict[str, Any]:
    """Return what `verify-access` reports from a network that a test describes."""
    with running(Network(**network)) as net:
        limits = ProbeLimits(net.port, 20.0, net.authorities, net.resolve)
        found = access_text.as_json(check_access(NAMES, limits))
    return {**found, "machine": machine}


@pytest.fixture(scope="module")
def works() -> dict[str, Any]:
    return document()


@pytest.fixture(scope="module")
def blocked() -> dict[str, Any]:
    return document(closed=set(NAMES.bucket))


def report(company: Company, sent: Any) -> Any:
    return Client().post(
        ADDRESS,
        json.dumps(sent),
        content_type="application/json",
        headers={"Authorization": f"Bearer {company.issue(Scope.UPLOAD)}"},
    )


def page(company: Company, address: str = "/access") -> str:
    client = Client()
    client.force_login(company.people["viewer"])
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def test_a_server_reports_with_its_token_and_its_tenant_alone_sees_the_result(
    alice: Company, charlie: Company, works: dict[str, Any], blocked: dict[str, Any]
) -> None:
    assert "No server has reported an access check yet." in page(alice)
    answer = report(alice, works)
    assert answer.status_code == 200
    assert answer.json()["conclusion"] == "works"
    assert "1 checked server has access to S3." in page(alice)
    answer = report(alice, {**blocked, "machine": "ic2"})
    assert answer.json()["title"] == blocked["title"]
    shown = page(alice)
    assert "1 of 2 checked servers does not have full access to S3." in shown
    assert shown.index("ic2") < shown.index("ic1")
    assert "Ask whoever runs the firewall to allow" in shown
    assert NAMES.service[-1] in shown
    assert "ic1" not in page(charlie)


def test_home_counts_the_servers_without_full_access(
    alice: Company, works: dict[str, Any], blocked: dict[str, Any]
) -> None:
    assert "Can the servers reach Amazon S3?" in page(alice, "/")
    report(alice, works)
    home = page(alice, "/")
    assert "1 server has reported a check." in home
    assert "without full access" not in home
    report(alice, {**blocked, "machine": "ic2"})
    home = page(alice, "/")
    assert "2 servers have reported a check." in home
    assert "1 without full access" in home


def test_a_new_result_of_a_machine_replaces_the_one_before(
    alice: Company, works: dict[str, Any], blocked: dict[str, Any]
) -> None:
    report(alice, {**blocked, "machine": "ic1"})
    report(alice, works)
    with unit_of_work.acting_for(alice.id, reading=True):
        (found,) = results.access_results()
    assert found.report.works
    assert [one.name for one in found.report.service] == list(NAMES.service)


def test_a_machine_cannot_report_another_conclusion_than_it_found(
    alice: Company, blocked: dict[str, Any]
) -> None:
    lie = {**blocked, "conclusion": "works", "title": "Access works", "advice": []}
    assert report(alice, lie).json()["conclusion"] == "names-blocked"
    assert "Access works" not in page(alice)


def test_the_oldest_results_are_deleted_when_there_are_too_many(
    alice: Company, works: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MACHINES_KEPT", 2)
    for machine in ("ic1", "ic2", "ic3"):
        report(alice, {**works, "machine": machine})
    with unit_of_work.acting_for(alice.id, reading=True):
        names = set(AccessResult.objects.values_list("machine", flat=True))
    assert names == {"ic2", "ic3"}


@pytest.mark.parametrize(
    "change",
    [
        {"machine": ""},
        {"machine": "\u202e\u200b"},
        {"machine": "x" * 101},
        {"names": []},
        {"names": [{"name": "s3.example", "is_of_bucket": False, "outcome": "not-s3"}]},
        {"names": [{"name": "b.example", "is_of_bucket": True, "outcome": "fine"}]},
        {
            "names": [
                {
                    "name": "b.example",
                    "is_of_bucket": True,
                    "outcome": "not-s3",
                    "seconds": 1e300,
                }
            ]
        },
        {
            "names": [{"name": "b.example", "is_of_bucket": True, "outcome": "not-s3"}]
            * 21
        },
    ],
    ids=range(8),
)
def test_an_invalid_result_is_refused_with_advice(
    alice: Company, works: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = report(alice, {**works, **change})
    assert answer.status_code == 422
    assert answer.json()["advice"]
    assert "No server has reported" in page(alice)


def test_odd_text_of_a_machine_is_cleaned(
    alice: Company, works: dict[str, Any]
) -> None:
    names = [{**works["names"][0], "detail": "a\r\nb\u202e", "issuer": "<b>&"}]
    report(alice, {"machine": " ic\t1\u202e ", "names": names})
    client = Client()
    client.force_login(alice.people["viewer"])
    content = client.get("/access").content.decode()
    assert "\u202e" not in content
    assert "<bdi>ic 1</bdi>" in content
    assert "&lt;b&gt;&amp;" in content


def test_a_proxy_with_much_to_say_is_reported(alice: Company) -> None:
    offered = "\r\nProxy-Authenticate: ".join(f"Scheme-{one:013}" for one in range(60))
    found = ConnectProxy(0, credentials="Basic eA==", offered=offered)
    with connect_proxy.running(found) as proxy:
        way = Proxy("127.0.0.1", proxy.port)
        checked = check_access(NAMES, ProbeLimits(), way)
    answer = report(alice, {**access_text.as_json(checked), "machine": "ic1"})
    assert (answer.status_code, answer.json()["conclusion"]) == (200, "proxy")
    assert "offers a sign-in by Scheme-" in page(alice)


def test_a_read_token_cannot_report(alice: Company, works: dict[str, Any]) -> None:
    answer = Client().post(
        ADDRESS,
        json.dumps(works),
        content_type="application/json",
        headers={"Authorization": f"Bearer {alice.issue(Scope.READ)}"},
    )
    assert answer.status_code == 403


def test_the_page_offers_the_sender_with_the_address_of_the_portal(
    alice: Company, settings: Any
) -> None:
    settings.PORTAL_ADDRESS = "https://portal.example"
    shown = page(alice)
    assert "python usage-sender.pyz verify-access --token-file usage.token" in shown
    assert "usage-sender.ps1 -Check -TokenFile usage.token" in shown
    client = Client()
    client.force_login(alice.people["viewer"])
    answer = client.get("/access/usage-sender.pyz")
    assert answer.content == sender_file("https://portal.example")
    assert "usage-sender.pyz" in answer["Content-Disposition"]
    answer = client.get("/access/usage-sender.ps1")
    assert answer.content == sender_script("https://portal.example")
    assert "usage-sender.ps1" in answer["Content-Disposition"]
    assert 'href="/access"' in client.get("/servers").content.decode()


def test_each_conclusion_is_documented() -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    for conclusion in access_text._TITLES:
        assert f"| `{conclusion.value}` |" in text


def test_an_intercepted_name_is_not_marked_as_reached(alice: Company) -> None:
    report(alice, document(inspected=set(NAMES.bucket)))
    client = Client()
    client.force_login(alice.people["viewer"])
    content = client.get("/access").content.decode()
    cell = 'data-label="Result"><span class="state is-sentence is-missing">'
    assert content.count(cell) == 2


@pytest.mark.plain
@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Run it again.", "Run it again."),
        (
            "`nslookup <a>` shows",
            '<code class="is-whole">nslookup &lt;a&gt;</code> shows',
        ),
        (
            "an <i> & one ` alone",
            'an &lt;i&gt; &amp; one <code class="is-whole"> alone</code>',
        ),
    ],
)
def test_commands_in_advice_are_code_and_everything_is_escaped(
    text: str, html: str
) -> None:
    assert code_spans(text) == html
