"""Long downloads take few threads: two of a caller, sixteen of a process."""

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.http import StreamingHttpResponse

from portal.accounts.caller import Caller
from portal.errors import Refused, Unavailable
from portal.http import downloads
from portal.http.downloads import Download

ANNA = Caller("anna", 1, frozenset(), user_id=1)


@pytest.fixture(autouse=True)
def _nothing_is_read() -> Iterator[None]:
    gc.collect()
    assert not downloads._taken
    yield
    assert not downloads._taken


def pieces() -> Iterator[bytes]:
    yield b"one"
    yield b"two"


def test_a_caller_streams_at_most_two_lists_at_once() -> None:
    first, second = Download(ANNA).of(pieces()), Download(ANNA).of(pieces())
    with pytest.raises(Refused, match="document-busy"):
        Download(ANNA).of(pieces())
    other = Download(replace(ANNA, user_id=2)).of(pieces())
    token = Download(replace(ANNA, user_id=None, token_id=1)).of(pieces())
    # One that is read to its end, or closed, has no place any more.
    assert list(first) == [b"one", b"two"]
    third = Download(ANNA).of(pieces())
    for one in (second, third, other, token, third):
        one.close()


def test_a_process_streams_at_most_sixteen_lists_at_once() -> None:
    held = [
        Download(replace(ANNA, user_id=number)).of(pieces())
        for number in range(downloads.SLOTS)
    ]
    with pytest.raises(Unavailable, match="busy"):
        Download(replace(ANNA, user_id=99)).of(pieces())
    held.pop().close()
    Download(replace(ANNA, user_id=99)).of(pieces()).close()
    for one in held:
        one.close()


def test_a_download_that_fails_or_is_never_sent_releases_its_slot() -> None:
    def failing() -> Iterator[bytes]:
        yield b"one"
        raise OSError("the database is away")

    failed = Download(ANNA).of(failing())
    with pytest.raises(OSError, match="away"):
        list(failed)
    Download(ANNA).of(pieces())
    gc.collect()


def test_closing_the_response_closes_the_generator_of_its_pieces() -> None:
    ended = []

    def reading() -> Iterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            ended.append(True)

    response = StreamingHttpResponse(Download(ANNA).of(reading()))
    assert next(iter(response)) == b"one"
    response.close()
    assert ended == [True]
