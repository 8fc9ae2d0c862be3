"""Jobs of a file: judging it, and forwarding it to S3."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from portal.jobs.queue import Job, JobState
from usage.models.files import UsageFile
from usage.models.indexes import partial_index

_SET_ASIDE = Q(state=JobState.FAILED)


class Settling(Job):
    """The job to judge a file, for the first time or anew; done by its verdict."""

    # Goes with the row of a rejected file, when there are too many of those.
    file = models.OneToOneField(UsageFile, on_delete=models.CASCADE)

    class Meta(Job.Meta):
        indexes = [
            *Job.Meta.indexes,
            partial_index("settling_set_aside", "problem", "id", of=_SET_ASIDE),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} ({self.state})"


class Forwarding(Job):
    """The job to forward an accepted file to S3; done means confirmed there.

    `checked_at` is when S3 was last compared again, if it was.
    """

    file = models.OneToOneField(UsageFile, on_delete=models.PROTECT)
    key = models.CharField(max_length=1024)
    checked_at = models.DateTimeField(null=True)

    class Meta(Job.Meta):
        indexes = [
            *Job.Meta.indexes,
            partial_index("forwarding_set_aside", "problem", "id", of=_SET_ASIDE),
            models.Index(fields=["key"], name="forwarding_by_key"),
            partial_index("forwarding_done", "ended_at", of=Q(state=JobState.DONE)),
            models.Index(
                Coalesce("checked_at", "ended_at"),
                "id",
                condition=Q(state=JobState.DONE),
                name="forwarding_to_check",
            ),
        ]

    WAITS_SINCE = "file__settled_at"

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"
