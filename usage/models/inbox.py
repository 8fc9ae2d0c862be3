"""Models of the tenants' inboxes: listings, objects and mails."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.jobs.queue import Job, JobState
from usage.models.files import UsageFile

# S3 allows keys of 1,024 bytes. An ETag is an MD5 in quotes, and the number of parts.
KEY_CHARACTERS = 1_024
ETAG_CHARACTERS = 100


class InboxVerdict(models.TextChoices):
    """Verdict on an object; the first ones are states of its file."""

    ACCEPTED = "accepted", _("accepted")
    HELD = "held", _("held")
    REJECTED = "rejected", _("rejected")
    REFUSED = "refused", _("refused by decision")
    TOO_LARGE = "too-large", _("too large")
    GONE = "gone", _("gone before it was taken")


# Verdicts that the tenant's admins get mails about. A held file may need them to
# confirm a key.
INBOX_BAD = (InboxVerdict.HELD, InboxVerdict.REJECTED, InboxVerdict.TOO_LARGE)


# Verdicts on objects whose bytes are not kept; there may be any number of them.
INBOX_REJECTED = (InboxVerdict.REJECTED, InboxVerdict.TOO_LARGE)


def _newest_first(name: str, of: models.Q | None = None) -> models.Index:
    return models.Index(fields=["-first_seen_at", "-id"], condition=of, name=name)


class InboxListing(Job):
    """The listing of one tenant's inbox, again and again: a page whenever it is due.

    `after` is the key that the listing has come to, `begun_at` when it began. Whatever
    was put before `listed_at` was seen by a whole listing. `ignored` counts what is no
    usage file by its name, in the last whole listing; `ignoring` in this one.
    """

    after = models.CharField(max_length=KEY_CHARACTERS, blank=True, default="")
    begun_at = models.DateTimeField(null=True)
    listed_at = models.DateTimeField(null=True)
    ignored = models.PositiveIntegerField(default=0)
    ignoring = models.PositiveIntegerField(default=0)

    class Meta(Job.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], name="a_tenant_has_one_listing_of_its_inbox"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} ({self.state})"


class InboxNotice(Job):
    """A mail to the admins of a tenant about bad objects; one a day at most.

    `day` is of the tenant's zone, `sent_to` the ids of those who have it, `unsure` of
    those who may have it: the mail server did not answer, or nobody heard it.
    """

    day = models.DateField()
    sent_to = models.JSONField(default=list)
    unsure = models.JSONField(default=list, db_default=[])

    class Meta(Job.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "day"],
                name="a_tenant_is_told_of_its_inbox_once_a_day",
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="a_notice_can_be_named_with_its_tenant"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.day} ({self.state})"


class InboxObject(Job):
    """An object of an inbox, as it was listed; done by the verdict on its bytes.

    `intended` is the id that its file gets should its bytes be new, drawn before they
    are fetched: after a crash it shows whether they were received already. `file`
    is the one that has them, None again once a rejected one's row was deleted.
    `lies_at` is where the object was moved to, empty while it is where it was.
    """

    key = models.CharField(max_length=KEY_CHARACTERS)
    etag = models.CharField(max_length=ETAG_CHARACTERS)
    size = models.BigIntegerField()
    modified_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    intended = models.UUIDField(null=True)
    file = models.ForeignKey(UsageFile, on_delete=models.SET_NULL, null=True)
    is_new = models.BooleanField(default=False)
    verdict = models.CharField(
        max_length=10, choices=InboxVerdict, blank=True, default="", db_default=""
    )
    lies_at = models.CharField(max_length=KEY_CHARACTERS, blank=True, default="")
    notice = models.ForeignKey(InboxNotice, on_delete=models.PROTECT, null=True)

    class Meta(Job.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "key", "etag", "modified_at"],
                name="an_object_of_an_inbox_is_noted_once",
            ),
            models.CheckConstraint(
                condition=models.Q(verdict__in=["", *InboxVerdict.values]),
                name="a_verdict_on_an_object_is_a_known_one",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=JobState.DONE) | ~models.Q(verdict=""),
                name="an_object_is_done_by_its_verdict",
            ),
        ]
        indexes = [
            *Job.Meta.indexes,
            _newest_first("objects_newest_first"),
            _newest_first("objects_held", models.Q(verdict=InboxVerdict.HELD)),
            _newest_first("objects_rejected", models.Q(verdict__in=INBOX_REJECTED)),
            _newest_first("objects_set_aside", models.Q(state=JobState.FAILED)),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"
