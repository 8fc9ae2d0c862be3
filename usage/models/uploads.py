"""Uploads: one row for each run of the upload page, plain form or script."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models import Tenant
from usage.models.access import MACHINE_CHARACTERS
from usage.models.files import NAME_CHARACTERS, FileState, How, UsageFile

# Characters of the code of a failure, and of the name and version of a sender.
CODE_CHARACTERS = 60
VERSION_CHARACTERS = 60

# Characters of an IP address.
_ADDRESS_CHARACTERS = 45


class UploadOutcome(models.TextChoices):
    """How a file of an upload ended; the first ones are states of its file."""

    ACCEPTED = FileState.ACCEPTED.value, _("accepted")
    HELD = FileState.HELD.value, _("held")
    RECEIVED = FileState.RECEIVED.value, _("received")
    REJECTED = FileState.REJECTED.value, _("rejected")
    REFUSED = FileState.REFUSED.value, _("refused by decision")
    HERE = "already here", _("already here")
    FAILED = "failed", _("not sent")
    UNREADABLE = "unreadable", _("not readable")
    STOPPED = "stopped", _("stopped before it was sent")


class Upload(models.Model):
    """One upload: who began it, what was chosen, and how far it came.

    `key` is chosen by the sender and is part of the address; it is unique within a
    tenant only, so that no key reveals anything about another tenant. The sender's
    reports contain `files`, `size` in bytes and `others` (files that are not usage
    files) of what was chosen, and `step`, which orders the reports. Without `ended_at`
    the upload is under way or was interrupted; `left_at` is when the page that sent it
    was closed. `dismissed_at` is when its person dismissed the summary. A sender on a
    server reports the name of its `machine` and its own `version`; `sent_from` is the
    IP address that began the upload, empty if it is not known.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    key = models.UUIDField()
    how = models.CharField(max_length=10, choices=How)
    begun_by = models.CharField(max_length=200)
    begun_at = models.DateTimeField()
    reported_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    step = models.IntegerField(default=0)
    files = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    others = models.IntegerField(default=0)
    machine = models.CharField(max_length=MACHINE_CHARACTERS, blank=True, default="")
    version = models.CharField(max_length=VERSION_CHARACTERS, blank=True, default="")
    sent_from = models.CharField(max_length=_ADDRESS_CHARACTERS, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(how__in=How.values), name="an_upload_has_a_known_way_in"
            ),
            models.UniqueConstraint(
                fields=["tenant", "key"], name="a_tenant_has_an_upload_once"
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="an_upload_can_be_named_with_its_tenant"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "-begun_at", "-id"], name="uploads_newest_first"
            ),
            models.Index(
                fields=["tenant", "machine", "-begun_at", "-id"],
                condition=~Q(machine=""),
                name="uploads_of_a_machine",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.begun_by}"


class UploadItem(models.Model):
    """One file of an upload, as its sender reported it.

    `number` is its place in the upload. `file` is its row in the portal, whose state is
    the verdict from then on. Without a file, `outcome`, `code` and `status` (of an HTTP
    response that was not the portal's) are as the sender reported; if the row of a
    rejected file was deleted, they are a copy of its verdict.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="items")
    number = models.IntegerField()
    name = models.CharField(max_length=NAME_CHARACTERS)
    size = models.BigIntegerField()
    outcome = models.CharField(max_length=12, choices=UploadOutcome)
    code = models.CharField(max_length=CODE_CHARACTERS, blank=True, default="")
    status = models.SmallIntegerField(null=True)
    file = models.ForeignKey(UsageFile, on_delete=models.SET_NULL, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=UploadOutcome.values),
                name="an_outcome_is_a_known_one",
            ),
            models.UniqueConstraint(
                fields=["upload", "number"], name="an_upload_has_a_file_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.outcome})"
