"""The two ways in which a person's wish can fail, and what is said of it.

`Refused` is their turn: it is shown, and trying again changes nothing. `Unavailable`
is ours: trying again later will do. Inner code raises them by code and parameters
and knows nothing of HTTP; the sentence is made at the door, in the reader's language.
"""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from portal.error_text import TEXTS, Parameters
from portal.templatetags.shown import instant_text


class _CodedError(Exception):
    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params: Parameters = params


class Refused(_CodedError):  # noqa: N818 - it is the answer, not a fault of the program
    """It is the person's turn."""


class Unavailable(_CodedError):  # noqa: N818 - the same
    """It is ours, and passes."""


def error_document(problem: Refused | Unavailable) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and what to say, in the reader's language."""
    text, params = TEXTS[problem.code], _readable_params(problem.params)
    return text.status, {
        "code": problem.code,
        "title": gettext(text.title) % params,
        "advice": gettext(text.advice) % params,
    }


def _readable_params(params: Parameters) -> Parameters:
    """Say a deadline as people read it; it travels as RFC 9557 writes an instant."""
    if "deadline" not in params:
        return params
    at, _, zone = str(params["deadline"]).rstrip("]").partition("[")
    words = instant_text(datetime.fromisoformat(at), zone)
    return {**params, "deadline": words}
