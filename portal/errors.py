"""The two errors that reach people, `Refused` and `Unavailable`, and their text.

After `Refused` the person has to act: trying again changes nothing. `Unavailable` is
ours: trying again later will do. Inner code raises them with a code and parameters
and is independent of HTTP; the endpoint renders the text, in the reader's language.
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
    """The request is refused: the person has to change something."""


class Unavailable(_CodedError):  # noqa: N818 - the same
    """The portal cannot do it now: trying again later will do."""


def error_document(problem: Refused | Unavailable) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the body, in the reader's language."""
    text, params = TEXTS[problem.code], _readable_params(problem.params)
    return text.status, {
        "code": problem.code,
        "title": gettext(text.title) % params,
        "advice": gettext(text.advice) % params,
    }


def _readable_params(params: Parameters) -> Parameters:
    """Format the deadline for people; the parameter is an instant as in RFC 9557."""
    if "deadline" not in params:
        return params
    at, _, zone = str(params["deadline"]).rstrip("]").partition("[")
    deadline = instant_text(datetime.fromisoformat(at), zone)
    return {**params, "deadline": deadline}
