"""Uploads that break off, stall or lie, on the real server: nothing is stored."""

import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest

from tests.builders import Company, digest_header
from tests.journeys.conftest import BODY_TIMEOUT
from tests.journeys.live_server import RawAnswer, RunningPortal, request, wait_for
from tests.journeys.stored_files import assert_rows_and_bytes_agree, bytes_below

pytestmark = pytest.mark.faults

PATH = "/api/v1/files/day.usg"
HEALTHZ = request("GET", "/healthz")

# Long enough to tell an answer beside stalled clients from one after them.
LONG_TIMEOUT = 10


def put(alice: Company, data: bytes, **headers: str) -> bytes:
    digest = digest_header(data)["Content-Digest"]
    given = {"Content_Digest": digest, **headers}
    return request("PUT", PATH, data, token=alice.token, **given)


def head(alice: Company, data: bytes, length: int) -> bytes:
    """Announce bytes without sending any."""
    whole = put(alice, data, Content_Length=str(length))
    return whole[: len(whole) - len(data)]


def files(portal: RunningPortal, alice: Company) -> list[dict[str, object]]:
    answer = portal.send_raw(request("GET", "/api/v1/files", token=alice.token))
    assert answer.status == 200
    found: list[dict[str, object]] = answer.json()["files"]
    return found


def assert_nothing_kept(portal: RunningPortal, alice: Company, var: Path) -> None:
    # The server may notice a moment after the client.
    assert wait_for(lambda: bytes_below(var) == {}), bytes_below(var)
    assert files(portal, alice) == []


@pytest.fixture
def data(alice: Company) -> bytes:
    return alice.server.day(date(2026, 5, 18))


def test_a_chunked_upload_is_told_to_say_its_length(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
    words = put(alice, b"", Content_Length="", Transfer_Encoding="chunked") + chunked
    answer = live_portal.send_raw(words)
    assert (answer.status, answer.code) == (411, "length-required")
    assert_nothing_kept(live_portal, alice, tmp_path)


def test_a_length_beside_chunks_is_refused(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
    words = put(alice, b"", Content_Length="5", Transfer_Encoding="chunked") + chunked
    with live_portal.connect() as wire:
        wire.send(words + HEALTHZ)
        assert wire.answer().status in {400, 411}
        # Where the next request begins is not certain any more.
        assert wire.is_closed()
    assert_nothing_kept(live_portal, alice, tmp_path)


def test_an_upload_that_is_cut_leaves_nothing(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    words = put(alice, data)
    begin = len(words) - len(data)
    for sent in (0, 1, len(data) // 100, len(data) // 2, len(data) - 1):
        for is_crash in (False, True):
            wire = live_portal.connect()
            wire.send(words[: begin + sent])
            if is_crash:
                wire.reset()
            else:
                wire.close()
    assert_nothing_kept(live_portal, alice, tmp_path)
    assert live_portal.send_raw(words).status == 201
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_an_upload_that_ends_early_is_told_how_much_arrived(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    with live_portal.connect() as wire:
        wire.send(put(alice, data)[:-10])
        wire.end_sending()
        answer = wire.answer()
    assert (answer.status, answer.code) == (400, "body-cut")
    assert str(len(data)) in answer.json()["title"]
    assert str(len(data) - 10) in answer.json()["title"]
    assert_nothing_kept(live_portal, alice, tmp_path)


def test_a_length_that_promises_less_than_comes_takes_no_more_than_it_says(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    with live_portal.connect() as wire:
        wire.send(put(alice, data, Content_Length=str(len(data) - 10)))
        answer = wire.answer()
        assert (answer.status, answer.code) == (400, "digest-differs")
    assert_nothing_kept(live_portal, alice, tmp_path)


def test_a_client_that_stalls_is_told_so_and_let_go(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    for sent in (0, 1, len(data) // 2, len(data) - 1):
        started = time.monotonic()
        with live_portal.connect() as wire:
            wire.send(head(alice, data, len(data)) + data[:sent])
            answer = wire.answer()
            assert answer.status in {0, 408}
            if answer.status:
                assert answer.code == "body-stalled"
            assert wire.is_closed()
        assert BODY_TIMEOUT <= time.monotonic() - started < BODY_TIMEOUT + 6
    assert_nothing_kept(live_portal, alice, tmp_path)


@pytest.mark.parametrize("live_portal", [LONG_TIMEOUT], indirect=True)
def test_forty_stalled_uploads_are_in_nobodys_way(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    assert live_portal.send_raw(HEALTHZ).status == 200
    with ExitStack() as clients:
        for _ in range(40):
            wire = clients.enter_context(live_portal.connect())
            wire.send(head(alice, data, 1_000_000))
        started = time.monotonic()
        assert live_portal.send_raw(HEALTHZ).status == 200
        assert live_portal.send_raw(put(alice, data)).status == 201
        # Answered beside the stalled ones, and not after they were let go.
        assert time.monotonic() - started < LONG_TIMEOUT / 2
    assert [file["state"] for file in files(live_portal, alice)] == ["accepted"]
    stored = wait_for(lambda: len(bytes_below(tmp_path)) == 1)
    assert stored, bytes_below(tmp_path)
    assert_rows_and_bytes_agree(alice, tmp_path)


def next_on(portal: RunningPortal, words: bytes) -> tuple[RawAnswer, RawAnswer]:
    """Send a request, and a GET behind it on the same connection."""
    with portal.connect() as wire:
        wire.try_to_send(words + HEALTHZ)
        return wire.answer(), wire.answer()


SMUGGLED = b"GET /api/v1/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def test_a_body_behind_an_early_refusal_is_never_taken_for_a_request(
    live_portal: RunningPortal, alice: Company, tmp_path: Path
) -> None:
    for size in (100, 10_000, 60_000, 100_000, 3_000_000):
        body = (SMUGGLED * (size // len(SMUGGLED) + 1))[:size]
        digest = digest_header(body)["Content-Digest"]
        words = {
            401: request("PUT", PATH, body, token="usg_no", Content_Digest=digest),
            400: request("PUT", PATH, body, token=alice.token),
            404: request("PUT", "/api/v1/files/", body, token=alice.token),
            405: request("PUT", "/api/v1/files", body, token=alice.token),
        }
        for status, sent in words.items():
            first, second = next_on(live_portal, sent)
            # Who is still sending when the server hangs up may lose the answer.
            assert first.status == status or (first.status == 0 and size > 60_000)
            assert second.status in {0, 200}
            assert second.body == (b"ok\n" if second.status else b"")
    assert_nothing_kept(live_portal, alice, tmp_path)


@pytest.mark.parametrize("live_portal", [LONG_TIMEOUT], indirect=True)
def test_what_is_too_large_is_refused_before_it_is_sent(
    live_portal: RunningPortal, alice: Company, tmp_path: Path
) -> None:
    assert live_portal.send_raw(HEALTHZ).status == 200
    started = time.monotonic()
    with live_portal.connect() as wire:
        wire.send(head(alice, b"", 64 * 1024 * 1024 + 1))
        answer = wire.answer()
        assert (answer.status, answer.code) == (413, "file-too-large")
        assert time.monotonic() - started < LONG_TIMEOUT / 2
    assert_nothing_kept(live_portal, alice, tmp_path)


def test_a_client_that_asks_before_it_sends_is_answered(
    live_portal: RunningPortal, alice: Company, data: bytes, tmp_path: Path
) -> None:
    words = put(alice, data, Expect="100-continue")
    with live_portal.connect() as wire:
        wire.send(words[: -len(data)])
        assert wire.answer().status == 100
        wire.send(data)
        assert wire.answer().status == 201
    assert_rows_and_bytes_agree(alice, tmp_path)


def test_a_length_that_is_no_number_is_the_clients_mistake(
    live_portal: RunningPortal, alice: Company, tmp_path: Path
) -> None:
    for length in ("-1", "+5", "5,5", "0x5", "1e3", "five", "5 5", "9" * 400):
        answer = live_portal.send_raw(put(alice, b"12345", Content_Length=length))
        assert answer.status in {400, 413}, length
    twice = put(alice, b"12345").replace(b"\r\n", b"\r\nContent-Length: 4\r\n", 1)
    assert live_portal.send_raw(twice).status == 400
    assert_nothing_kept(live_portal, alice, tmp_path)


def test_an_empty_file_is_rejected_as_one(
    live_portal: RunningPortal, alice: Company, tmp_path: Path
) -> None:
    answer = live_portal.send_raw(put(alice, b""))
    assert answer.status == 422
    assert answer.json()["file"]["problems"][0]["code"] == "file-empty"
    assert bytes_below(tmp_path) == {}


def test_a_head_is_answered_without_body_on_a_kept_connection(
    live_portal: RunningPortal, alice: Company
) -> None:
    ask = request("HEAD", "/api/v1/files", token=alice.token)
    with live_portal.connect() as wire:
        wire.send(ask)
        wire.send(HEALTHZ)
        assert wire.answer(to_head=True).status == 200
        assert wire.answer().body == b"ok\n"
