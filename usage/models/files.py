"""Usage files: one row for each received file, which stays as its receipt."""

from datetime import datetime
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.approvals import REASON_CHARACTERS
from portal.models import Tenant
from usage.models.indexes import partial_index
from usage.models.servers import Server

# A Windows path component has at most 255 characters.
NAME_CHARACTERS = 255


class FileState(models.TextChoices):
    RECEIVED = "received", _("received")
    ACCEPTED = "accepted", _("accepted")
    HELD = "held", _("held")
    REJECTED = "rejected", _("rejected")
    REFUSED = "refused", _("refused by decision")


class How(models.TextChoices):
    BROWSER = "browser", _("browser")
    FORM = "form", _("form")
    API = "api", _("API")
    INBOX = "inbox", _("S3 inbox")


# States in which the portal has the bytes and answers for them. What a person has
# refused is among them: it was promised to be kept, and is not judged afresh.
KEPT = (
    *(FileState.RECEIVED, FileState.ACCEPTED),
    *(FileState.HELD, FileState.REFUSED),
)


# States of files whose signature was checked. What is only received may be damaged.
CHECKED = (FileState.ACCEPTED, FileState.HELD, FileState.REFUSED)


# Columns that an accepted file has: all that is counted.
COUNTED = (
    *("server", "signer", "series", "sequence", "day", "opened_at", "closed_at"),
    *("opened_offset", "closed_offset", "logins", "users"),
)


_BYTES_MAY_GO = Q(state=FileState.ACCEPTED) & ~Q(stored_as="")


class UsageFile(models.Model):
    """A file that somebody sent, and what became of it: its receipt for good.

    `stored_as` is the name in the usage storage, empty once there are no bytes;
    `bytes_removed_at` says since when, if the archive alone has had them since. The
    columns from `server` on are what its header and totals say; they are all there
    once it is accepted, and as far as they could be read while it is held. The
    `decided` columns are the last decision of billing staff about it; where they
    have assigned its day, `day` is that one and no longer the header's;
    `is_signer_accepted` if they have accepted it although its key is revoked or
    refused. A file in a
    chain of its own (`usage.uploads.split_series`) has its place there in `series` and
    `sequence` and the header's in the `said` columns, which are empty otherwise.
    `here_since` is since when the tenant's inbox had its bytes, where that was before
    it was sent another way. `sent_in` is the key of the upload that its sender named,
    whether it exists or not: a label, not a foreign key, so that a wrong key cannot
    prevent a file from being received.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    state = models.CharField(max_length=10, choices=FileState)
    name = models.CharField(max_length=NAME_CHARACTERS)
    size = models.BigIntegerField()
    sha256 = models.BinaryField(max_length=32)
    tail = models.BinaryField(max_length=64)
    how = models.CharField(max_length=10, choices=How)
    sent_by = models.CharField(max_length=200)
    received_at = models.DateTimeField()
    here_since = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    stored_as = models.CharField(max_length=200, blank=True)
    bytes_removed_at = models.DateTimeField(null=True)
    problems = models.JSONField(default=list)

    server = models.ForeignKey(Server, on_delete=models.PROTECT, null=True)
    signer = models.BinaryField(max_length=32, null=True)
    series = models.UUIDField(null=True)
    sequence = models.BigIntegerField(null=True)
    previous = models.BinaryField(max_length=32, null=True)
    day = models.DateField(null=True)
    zone = models.CharField(max_length=64, blank=True, default="")
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    opened_offset = models.SmallIntegerField(null=True)
    closed_offset = models.SmallIntegerField(null=True)
    closed_by = models.CharField(max_length=10, blank=True, default="")
    sessions = models.IntegerField(null=True)
    logins = models.IntegerField(null=True)
    users = models.IntegerField(null=True)

    sent_in = models.UUIDField(null=True)

    assigned_day = models.DateField(null=True)
    is_signer_accepted = models.BooleanField(default=False, db_default=False)
    said_series = models.UUIDField(null=True)
    said_sequence = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    decision_reason = models.CharField(
        max_length=REASON_CHARACTERS, blank=True, default="", db_default=""
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=FileState.values),
                name="a_file_state_is_a_known_one",
            ),
            models.CheckConstraint(
                condition=Q(how__in=How.values), name="a_way_in_is_a_known_one"
            ),
            models.CheckConstraint(
                condition=Q(state=FileState.RECEIVED) ^ Q(settled_at__isnull=False),
                name="a_file_is_settled_unless_it_is_only_received",
            ),
            models.CheckConstraint(
                condition=~Q(state=FileState.REJECTED) | Q(stored_as=""),
                name="of_a_rejected_file_no_bytes_are_kept",
            ),
            models.CheckConstraint(
                condition=Q(bytes_removed_at=None) | Q(stored_as=""),
                name="bytes_that_were_removed_are_not_stored",
            ),
            models.CheckConstraint(
                condition=~Q(state=FileState.REFUSED) | ~Q(decision_reason=""),
                name="a_file_is_refused_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(assigned_day=None) | Q(decided_at__isnull=False),
                name="a_day_is_assigned_by_a_decision",
            ),
            models.CheckConstraint(
                condition=Q(is_signer_accepted=False) | Q(decided_at__isnull=False),
                name="a_signer_is_accepted_by_a_decision",
            ),
            models.CheckConstraint(
                condition=Q(said_series__isnull=True, said_sequence__isnull=True)
                | Q(
                    said_series__isnull=False,
                    said_sequence__isnull=False,
                    sequence__isnull=False,
                ),
                name="a_moved_file_keeps_the_number_it_says",
            ),
            models.CheckConstraint(
                condition=~Q(state=FileState.ACCEPTED)
                | Q(**{f"{name}__isnull": False for name in COUNTED}),
                name="an_accepted_file_says_all_that_is_counted",
            ),
            models.UniqueConstraint(
                fields=["tenant", "sha256"],
                condition=Q(state__in=KEPT),
                name="a_tenant_keeps_a_content_once",
            ),
            models.UniqueConstraint(
                fields=["server", "series", "sequence"],
                condition=Q(state=FileState.ACCEPTED),
                name="a_sequence_number_is_accepted_once",
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="a_file_can_be_named_with_its_tenant"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "size", "tail"], name="file_by_tail"),
            models.Index(
                fields=["tenant", "-received_at", "id"], name="files_newest_first"
            ),
            partial_index("kept_files_by_day", "tenant", "day", of=Q(state__in=KEPT)),
            partial_index(
                "files_to_settle", "received_at", of=Q(state=FileState.RECEIVED)
            ),
            partial_index(
                "files_to_decide", "received_at", "id", of=Q(state=FileState.HELD)
            ),
            partial_index(
                "held_files_of_a_server", "server", of=Q(state=FileState.HELD)
            ),
            models.Index(
                fields=["server", "-closed_at", "-sequence"],
                condition=Q(state=FileState.ACCEPTED),
                name="accepted_files_closed_last",
            ),
            # Read with every calendar; most tenants have none of either.
            partial_index(
                "files_of_a_tenant_that_wait",
                "tenant",
                of=Q(state__in=(FileState.RECEIVED, FileState.HELD)),
            ),
            partial_index(
                "files_of_a_tenant_refused",
                *("tenant", "decided_at"),
                of=Q(state=FileState.REFUSED),
            ),
            partial_index(
                "files_of_an_upload", "tenant", "sent_in", of=Q(sent_in__isnull=False)
            ),
            partial_index("files_whose_bytes_may_go", "settled_at", of=_BYTES_MAY_GO),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"

    @property
    def came_at(self) -> datetime:
        """Return since when it counts as received."""
        return self.here_since or self.received_at
