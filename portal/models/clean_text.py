"""The constraint of typed names: they are as `portal.typed_text` returns them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

# White space, and what has no place in a name in any version of Unicode: controls,
# marks of direction, invisible characters, private use. As PostgreSQL writes them.
_NEVER = (
    r"\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180E"
    r"\u2000-\u200B\u200E\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164"
    r"\uE000-\uF8FF\uFEFF\uFFA0\uFFF0-\uFFFB\U000E0000-\U000E007F\U000F0000-\U0010FFFF"
)
_LINE = rf"^[^{_NEVER}]+( [^{_NEVER}]+)*$"


class Composed(models.Func):
    """A text in Normalization Form C, by the database's Unicode."""

    function = "normalize"
    template = "%(function)s(%(expressions)s, NFC)"


def is_clean_line(field: str, *, name: str) -> models.CheckConstraint:
    """Return the constraint: one composed line of characters that are shown."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__regex": _LINE})
        & models.Q(**{field: Composed(field)}),
        name=name,
        violation_error_message=_("A name is one line of characters that are shown."),
    )
