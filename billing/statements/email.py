"""Composes the mail about an issued version: peaks, changes, completeness, a link.

All figures are those of the frozen document. It has no names of users.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, ngettext

from billing.coverage.periods import Period
from billing.models import Statement
from billing.periods.headline import span_text
from billing.periods.text import month_text
from billing.statements import text
from billing.statements.difference_presenters import main_differences, unchanged_text
from portal.mail import message as mail_message
from portal.mail.outbox import WrittenMail
from portal.templatetags.shown import grouped

Document = Mapping[str, Any]

# Changed figures that a mail lists; it counts the others. A sentence of more is not
# read.
_NAMED = 4


def compose(statement: Statement, *, to: str) -> WrittenMail:
    """Compose the mail about a version to one person."""
    document: Document = json.loads(bytes(statement.document))
    about, period = document["statement"], Period.parse(statement.period)
    shown = {
        "company": document["tenant"]["name"],
        "number": document["tenant"]["number"],
        "period": period,
        "month": month_text(period),
        "span": span_text(period),
        "version": statement.version,
        "state": text.state_text(about["state"], statement.version)[1],
        "issued_at": datetime.fromisoformat(about["issued_at"]),
        "zone": document["period"]["zone"],
        "answer": text.answer_text(document),
        "changes": changes_text(document),
        "reason": " ".join(about["reason"].split()),
        "incomplete": incomplete_text(document),
        "files": files_text(document),
    }
    message = mail_message.build_message(
        "statement", to=to, shown=shown, stop_page="people-page"
    )
    name = mail_message.message_id_for(
        "statement",
        *(str(statement.tenant_id), to, statement.period, str(statement.version)),
    )
    message.extra_headers["Message-ID"] = name
    return WrittenMail(message, name)


def changes_text(document: Document) -> str:
    """Return the main changes since the version before; empty for the first one."""
    replaced = document["statement"]["replaces"]
    if replaced is None:
        return ""
    found = main_differences(document)
    if not found:
        sentence = gettext(
            "Named users, peaks, logins and times of Agents and Business Users are the"
            " same as in version %(version)s."
        )
        return sentence % {"version": replaced["version"]}
    changes = [
        gettext("%(figure)s %(after)s (was %(before)s)")
        % {"figure": one.figure, "after": one.after, "before": one.before}
        for one in found[:_NAMED]
    ]
    more = len(found) - len(changes)
    if more:
        text_of_more = ngettext("%(count)s more figure", "%(count)s more figures", more)
        changes.append(text_of_more % {"count": more})
    sentence = gettext("Changed since version %(version)s: %(changes)s.")
    unchanged = unchanged_text(document)
    sentence = f"{sentence} {unchanged}" if unchanged else sentence
    shown = {"version": replaced["version"], "changes": "; ".join(changes)}
    return sentence % shown


def incomplete_text(document: Document) -> str:
    """Return what is missing from a version; empty if it was issued complete."""
    complete = document["completeness"]
    lacking = complete["missing"] + complete["with_us"]
    if lacking:
        sentence = ngettext(
            "This version was issued incomplete: %(count)s of %(owed)s server-days is"
            " missing or waiting for the billing team.",
            "This version was issued incomplete: %(count)s of %(owed)s server-days are"
            " missing or waiting for the billing team.",
            lacking,
        )
        return sentence % {"count": grouped(lacking), "owed": grouped(complete["owed"])}
    # A first version without owed days and files is issued only for a reason: files are
    # required, and no server has sent any.
    is_first = document["statement"]["replaces"] is None
    if is_first and not (complete["owed"] or document["files"]["count"]):
        return gettext("This version was issued incomplete: no server has sent files.")
    return ""


def files_text(document: Document) -> str:
    """Return how many files a version was computed from."""
    count = document["files"]["count"]
    sentence = ngettext(
        "It was computed from %(count)s usage file.",
        "It was computed from %(count)s usage files.",
        count,
    )
    return sentence % {"count": grouped(count)}
