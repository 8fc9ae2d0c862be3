"""The outbox: mails as job rows, their stored text, and the steps of sending one.

A mail is sent in three steps: its text is rendered, and stored with the instant at
which sending begins (`prepare`); it is handed over; the outcome is stored. A row that
was begun and whose worker never came back may have been sent, so only a person can
have it sent again.
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
from portal.jobs.queue import Claim, Job, JobState
from portal.mail import pause
from portal.mail.send import DeliveryOutcome, DeliveryResult, deliver

logger = logging.getLogger(__name__)

# The longest conversation with a mail server takes two minutes
# (`portal.mail.smtp_backend`).
LEASE = timedelta(minutes=10)

SENDING_FAILED = "sending-failed"
NEVER_ANSWERED = "mail-cut"


class MailOutcome(models.TextChoices):
    """How a mail ended; `UNSURE` may have arrived, and is not sent again by itself."""

    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    UNSURE = "unsure", _("unsure")
    UNNEEDED = "unneeded", _("not needed any more")


class StoredMail(models.Model):
    """The stored columns of a mail; the text is as handed over, empty before that.

    `begun_at` is stored with the text, before the mail is handed over: a row that has
    it and whose worker never came back is unsure.
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

    # The same columns as in `Work`, for mails that are not jobs.
    problem = models.CharField(max_length=60, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def shown_state(self) -> str:
        """The state that is shown to people, as a code."""
        if self.outcome:
            return str(self.outcome)
        return "sending" if self.begun_at else "waiting"

    @property
    def sent_at(self) -> datetime | None:
        return self.ended_at if self.outcome == MailOutcome.SENT else None


class MailJob(Job, StoredMail):
    """A mail that is a job row of a tenant.

    `asked_by` is the person who requested it, empty for an automatic mail. `problem` is
    the code of the reason why it was not sent, or why it waits.
    """

    asked_by = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta(Job.Meta):
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="", state=JobState.WAITING)
                | Q(outcome="", state=JobState.FAILED)
                | Q(
                    outcome__in=[MailOutcome.SENT, MailOutcome.UNNEEDED],
                    state=JobState.DONE,
                )
                | Q(
                    outcome__in=[MailOutcome.FAILED, MailOutcome.UNSURE],
                    state=JobState.FAILED,
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
            *Job.Meta.indexes,
            models.Index(fields=["-planned_at", "-id"], name="%(class)ss_newest"),
            # Of each outcome the newest first; counted up to a limit.
            models.Index(
                fields=["outcome", "-planned_at", "-id"],
                name="%(class)ss_of_an_outcome",
            ),
            # Mails that wait for a person: counted beside a link on every staff page.
            models.Index(
                fields=["id"],
                condition=Q(state=JobState.FAILED),
                name="%(class)ss_set_aside",
            ),
        ]

    @property
    def shown_state(self) -> str:
        # Failed by `portal.jobs.queue`, which sets no outcome: the mail could not be
        # built.
        if not self.outcome and self.state == JobState.FAILED:
            return str(MailOutcome.FAILED)
        return super().shown_state


AnyStoredMail = TypeVar("AnyStoredMail", bound=MailJob)


@dataclass(frozen=True, slots=True)
class WrittenMail:
    """A rendered mail and its Message-ID."""

    message: EmailMultiAlternatives
    message_id: str

    @property
    def columns(self) -> dict[str, str]:
        """The columns of a row that store the content of the mail."""
        html = [str(content) for content, _ in self.message.alternatives]
        return {
            "message_id": self.message_id,
            "subject": str(self.message.subject),
            "text": str(self.message.body),
            "html": html[0] if html else "",
        }


Prepare = Callable[[Claim, datetime], EmailMultiAlternatives | None]


def requeued(*, at: datetime) -> dict[str, object]:
    """Return the columns of a row that a person sends again, whatever its outcome was.

    `planned_at` is set too, because a restored copy drops mails planned before it.
    """
    return {
        "state": JobState.WAITING,
        "outcome": "",
        "problem": "",
        "planned_at": at,
        "due_at": at,
        "begun_at": None,
        "ended_at": None,
        "lease": None,
        "leased_until": None,
        "attempts": 0,
        "faults": 0,
    }


def send_one(
    model: type[MailJob], *, prepare: Prepare, now: Callable[[], datetime]
) -> bool:
    """Send one mail that is due; False if there is none, or none can be sent now.

    `prepare` opens a unit of work of its own, and returns None if the mail is not to be
    sent; it has then stored the reason in the row.
    """
    if pause.is_on(at=now()):
        return False
    claims = job_queue.claim(model, most=1, lease_for=LEASE, at=now())
    if not claims:
        return False
    claim = claims[0]
    try:
        message = prepare(claim, now())
    except IntegrityError:
        # Another mail of this day was begun at the same moment.
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
    delivery = deliver(message)
    with unit_of_work.acting_for(claim.tenant_id):
        _record_outcome(model, claim, delivery, at=now())
    if delivery.ends_run:
        pause.begin(at=now())
    return not delivery.ends_run


def begin(
    model: type[AnyStoredMail], claim: Claim, *, at: datetime
) -> AnyStoredMail | None:
    """Return the claimed row if it may be sent now, in the running unit of work."""
    row = model._default_manager.get(pk=claim.pk)
    if row.begun_at is not None:
        end(model, claim, MailOutcome.UNSURE, problem=NEVER_ANSWERED, at=at)
        return None
    return row if job_queue.begin(model, claim, problem=SENDING_FAILED, at=at) else None


def store_text(
    model: type[MailJob],
    claim: Claim,
    written: WrittenMail,
    *,
    at: datetime,
    **more: object,
) -> EmailMultiAlternatives | None:
    """Store the text of a mail, and that it is begun; None if the lease was lost."""
    changes = {**written.columns, **more}
    begun = _leased(model, claim).update(begun_at=at, **changes)
    return written.message if begun else None


def end(
    model: type[MailJob],
    claim: Claim,
    outcome: MailOutcome,
    *,
    problem: str,
    at: datetime,
) -> None:
    """Store the outcome of a mail, in the running unit of work."""
    is_well = outcome in (MailOutcome.SENT, MailOutcome.UNNEEDED)
    _leased(model, claim).update(
        state=JobState.DONE if is_well else JobState.FAILED,
        outcome=outcome,
        problem=problem,
        ended_at=at,
        lease=None,
        leased_until=None,
        faults=0,
    )


def wait(model: type[MailJob], claim: Claim, due_at: datetime, *, problem: str) -> None:
    """Give a row back that was not tried, due later."""
    _leased(model, claim).update(
        due_at=due_at,
        lease=None,
        leased_until=None,
        problem=problem,
        faults=claim.faults,
    )


def _record_outcome(
    model: type[MailJob], claim: Claim, delivery: DeliveryResult, *, at: datetime
) -> None:
    match delivery.outcome:
        case DeliveryOutcome.SENT:
            end(model, claim, MailOutcome.SENT, problem="", at=at)
        case DeliveryOutcome.REFUSED:
            end(model, claim, MailOutcome.FAILED, problem=delivery.problem, at=at)
        case DeliveryOutcome.UNSURE:
            end(model, claim, MailOutcome.UNSURE, problem=delivery.problem, at=at)
        case DeliveryOutcome.LATER:
            _leased(model, claim).update(begun_at=None)
            job_queue.postpone(model, claim, problem=delivery.problem, at=at)


def _leased(model: type[MailJob], claim: Claim) -> QuerySet[MailJob]:
    return model._default_manager.filter(
        pk=claim.pk, lease=claim.lease, state=JobState.WAITING
    )
