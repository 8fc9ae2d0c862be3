"""Parts of API schemas that several apps use: text that callers send."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from portal.typed_text.clean import one_line

Line = Annotated[str, AfterValidator(one_line)]
"""Text of one line, cleaned; limits that follow it count what is left."""

# PostgreSQL cannot store U+0000, and a query with one fails.
WithoutNul = StringConstraints(pattern=r"^[^\x00]*$")

Exact = Annotated[
    str,
    WithoutNul,
    AfterValidator(lambda value: unicodedata.normalize("NFC", value)),
]
"""A name from a usage file, which follows the rules of the format, to look it up."""
