"""Mails that are rows of work: what is kept of one, and how it is sent.

In three steps: whoever wrote the row says what it says now, and that and the instant at
which it is begun are written down (`prepare`); it is handed over; what came of it is
written down. A row that was begun and whose worker never came back may have been sent,
so nobody but a person has it sent again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from portal.db import unit_of_work
from portal.jobs import queue as job_queue
from portal.jobs.queue import Claim, JobState, Work
from portal.mail.send import AWAY, DeliveryResult, deliver
from portal.mail.send import DeliveryOutcome as Came

logger = logging.getLogger(__name__)

# A mail server is given ten seconds for each answer, of which there are about ten.
LEASE = timedelta(minutes=10)

SENDING_FAILED = "sending-failed"
NEVER_ANSWERED = "mail-cut"


class MailOutcome(models.TextChoices):
    """How a mail ended; `UNSURE` may have arrived, and is not sent again by itself."""

    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    UNSURE = "unsure", _("unsure")
    UNNEEDED = "unneeded", _("not needed any more")


class Letter(models.Model):
    """What is kept of a mail; the text is as it was handed over, empty before that.

    `begun_at` is written before it is handed over, with what it says: a row that has it
    and whose worker never came back is unsure.
    """

    recipient = models.EmailField()
    planned_at = models.DateTimeField()
    outcome = models.CharField(
        max_length=10, choices=MailOutcome, blank=True, default="", db_default=""
    )
    begun_at = models.DateTimeField(null=True)
    message_id = models.CharField(max_length=400, blank=True, default="", db_default="")
    subject = models.CharField(max_length=500, blank=True, default="", db_default="")
    text = models.TextField(blank=True, default="", db_default="")
    html = models.TextField(blank=True, default="", db_default="")

    # As `Work` has them, for mails that are not of its kind.
    problem = models.CharField(max_length=60, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def told_state(self) -> str:
        """The state as people are told it, a code."""
        if self.outcome:
            return str(self.outcome)
        return "sending" if self.begun_at else "waiting"

    @property
    def sent_at(self) -> datetime | None:
        return self.ended_at if self.outcome == MailOutcome.SENT else None


class LetterWork(Work, Letter):
    """A mail that is a row of work of a tenant.

    `asked_by` is the person who asked for it, empty where it came of itself. `problem`
    says why it ended otherwise than sent, or why it waits.
    """

    asked_by = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta(Work.Meta):
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="", state=JobState.WAITING)
                | Q(outcome="", state=JobState.SET_ASIDE)
                | Q(
                    outcome__in=[MailOutcome.SENT, MailOutcome.UNNEEDED],
                    state=JobState.DONE,
                )
                | Q(
                    outcome__in=[MailOutcome.FAILED, MailOutcome.UNSURE],
                    state=JobState.SET_ASIDE,
                ),
                name="a_%(class)s_ends_with_an_outcome",
            ),
            models.CheckConstraint(
                condition=~Q(outcome__in=[MailOutcome.SENT, MailOutcome.UNSURE])
                | (Q(begun_at__isnull=False) & ~Q(message_id="")),
                name="a_%(class)s_that_was_sent_was_begun_before",
            ),
        ]
        indexes = [
            *Work.Meta.indexes,
            models.Index(fields=["-planned_at", "-id"], name="%(class)ss_newest"),
            # What waits for a person, counted beside a link of every page of the staff.
            models.Index(
                fields=["id"],
                condition=Q(state=JobState.SET_ASIDE),
                name="%(class)ss_set_aside",
            ),
        ]

    @property
    def told_state(self) -> str:
        # Set aside by `portal.jobs.queue`, which knows of no outcomes: it could not be
        # made.
        if not self.outcome and self.state == JobState.SET_ASIDE:
            return str(MailOutcome.FAILED)
        return super().told_state


Kind = TypeVar("Kind", bound=LetterWork)


@dataclass(frozen=True, slots=True)
class WrittenMail:
    """A mail with all that is kept of it."""

    message: EmailMultiAlternatives
    message_id: str

    @property
    def kept(self) -> dict[str, str]:
        """The columns of a row that say what it says."""
        html = [str(content) for content, _ in self.message.alternatives]
        return {
            "message_id": self.message_id,
            "subject": str(self.message.subject),
            "text": str(self.message.body),
            "html": html[0] if html else "",
        }


Prepare = Callable[[Claim, datetime], EmailMultiAlternatives | None]


def send_one(
    model: type[LetterWork], *, prepare: Prepare, now: Callable[[], datetime]
) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now.

    `prepare` opens a unit of work of its own, and returns None where the mail does not
    go; it has then said why in the row.
    """
    claims = job_queue.claim(model, most=1, lease_for=LEASE, at=now())
    if not claims:
        return False
    claim = claims[0]
    try:
        message = prepare(claim, now())
    except IntegrityError:
        # Another one of this day was begun at the same moment.
        with unit_of_work.acting_for(claim.tenant_id):
            job_queue.postpone(model, claim, problem="mailed-today", at=now())
        return True
    except Exception:
        logger.exception("A mail cannot be written (%s %s)", model.__name__, claim.pk)
        with unit_of_work.acting_for(claim.tenant_id):
            job_queue.record_failure(model, claim, problem=SENDING_FAILED, at=now())
        return True
    if message is None:
        return True
    came = deliver(message)
    with unit_of_work.acting_for(claim.tenant_id):
        _record_outcome(model, claim, came, at=now())
    # While the mail server is away nothing else can be sent either.
    return came.problem != AWAY


def begin(model: type[Kind], claim: Claim, *, at: datetime) -> Kind | None:
    """Return the claimed row if it may be written now, in the running unit of work."""
    row = model._default_manager.get(pk=claim.pk)
    if row.begun_at is not None:
        end(model, claim, MailOutcome.UNSURE, problem=NEVER_ANSWERED, at=at)
        return None
    return row if job_queue.begin(model, claim, problem=SENDING_FAILED, at=at) else None


def store_text(
    model: type[LetterWork],
    claim: Claim,
    written: WrittenMail,
    *,
    at: datetime,
    **more: object,
) -> EmailMultiAlternatives | None:
    """Write down what a mail says and that it is begun; None if the lease was lost."""
    changes = {**written.kept, **more}
    begun = _leased(model, claim).update(begun_at=at, **changes)
    return written.message if begun else None


def end(
    model: type[LetterWork],
    claim: Claim,
    outcome: MailOutcome,
    *,
    problem: str,
    at: datetime,
) -> None:
    """Write down how a mail ended, in the running unit of work."""
    is_well = outcome in (MailOutcome.SENT, MailOutcome.UNNEEDED)
    _leased(model, claim).update(
        state=JobState.DONE if is_well else JobState.SET_ASIDE,
        outcome=outcome,
        problem=problem,
        ended_at=at,
        lease=None,
        leased_until=None,
        faults=0,
    )


def wait(
    model: type[LetterWork], claim: Claim, due_at: datetime, *, problem: str
) -> None:
    """Give a row back that was not tried, due later."""
    _leased(model, claim).update(
        due_at=due_at,
        lease=None,
        leased_until=None,
        problem=problem,
        faults=claim.faults,
    )


def _record_outcome(
    model: type[LetterWork], claim: Claim, came: DeliveryResult, *, at: datetime
) -> None:
    match came.outcome:
        case Came.SENT:
            end(model, claim, MailOutcome.SENT, problem="", at=at)
        case Came.REFUSED:
            end(model, claim, MailOutcome.FAILED, problem=came.problem, at=at)
        case Came.UNSURE:
            end(model, claim, MailOutcome.UNSURE, problem=came.problem, at=at)
        case Came.LATER:
            _leased(model, claim).update(begun_at=None)
            job_queue.postpone(model, claim, problem=came.problem, at=at)


def _leased(model: type[LetterWork], claim: Claim) -> QuerySet[LetterWork]:
    return model._default_manager.filter(
        pk=claim.pk, lease=claim.lease, state=JobState.WAITING
    )
