"""Responses that the event loop itself sends, in the shape of the portal's errors."""

import json

# Seconds after which a client may try again.
RETRY_AFTER = 60


def _answer(status: str, code: str, title: str, advice: str, *fields: str) -> bytes:
    body = json.dumps({"code": code, "title": title, "advice": advice}).encode()
    head = [
        f"HTTP/1.1 {status}",
        "Connection: close",
        "Content-Type: application/json",
        "Cache-Control: no-store",
        f"Content-Length: {len(body)}",
        *fields,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)

# The codes are those of `portal.error_text`, which needs Django.
BODY_STALLED = _answer(
    "408 Request Timeout",
    "body-stalled",
    "The body did not arrive in time.",
    "Nothing was kept. Send the file again.",
)

BUSY = _answer(
    "503 Service Unavailable",
    "busy",
    "The portal is busy.",
    "Nothing was done. Try again in a minute.",
    f"Retry-After: {RETRY_AFTER}",
)
