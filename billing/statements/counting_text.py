"""The counting rules of docs/statements.md in short, for pages and PDF documents."""

from collections.abc import Sequence

from django.utils.translation import gettext, gettext_noop

_RULES: Sequence[tuple[str, str]] = (
    (
        gettext_noop("Agents"),
        gettext_noop(
            "Users count as Agents at each second at which they are logged in with"
            " an Agent licence or an add-on."
        ),
    ),
    (
        gettext_noop("Business Users"),
        gettext_noop(
            "Users count as Business Users at each second at which they are logged"
            " in with a Business User licence, and with no Agent licence or add-on."
        ),
    ),
    (
        gettext_noop("Users"),
        gettext_noop(
            "A user who is logged in several times at once, on one server or on"
            " many, is one user. Users are counted by name: a person with two names"
            " is two users."
        ),
    ),
    (
        gettext_noop("Named users"),
        gettext_noop(
            "Different users who were logged in with the licence at any time in the"
            " period. Named users of days do not add up to those of the period."
        ),
    ),
    (
        gettext_noop("Peak"),
        gettext_noop(
            "The largest number of users counted at one second. A logout and a"
            " login at the same second cancel out."
        ),
    ),
    (
        gettext_noop("Held for 30 minutes"),
        gettext_noop(
            "The largest number of users that was reached or exceeded at each of"
            " 1,800 consecutive seconds. It is shown for information."
        ),
    ),
    (
        gettext_noop("Logins"),
        gettext_noop("Logins with the licence that began in the period."),
    ),
    (
        gettext_noop("Time used"),
        gettext_noop(
            "The sum, over all seconds, of the number of users counted at that"
            " second. A user who is logged in twice at once counts once."
        ),
    ),
    (
        gettext_noop("Missing files"),
        gettext_noop(
            "A login that began in a missing file appears when that file is"
            " received; one that began in a lost file never does."
        ),
    ),
)


def figures_note() -> str:
    """Return what a reader of named users and peaks has to know."""
    return gettext(
        "A user who held an Agent licence or an add-on at any time in the period is a"
        " named Agent and not a named Business User. Peaks count users by the licences"
        " that they hold at that second, so a peak of Business Users can exceed their"
        " named users. The portal counts usage; your contract says which of these"
        " figures is billed."
    )


def counting_rules() -> Sequence[tuple[str, str]]:
    """Return the rules as terms with their definitions."""
    return [(gettext(term), gettext(rule)) for term, rule in _RULES]
