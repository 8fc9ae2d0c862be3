"""Models of the mail switch: the stop set by staff, and the restored-copy stamp."""

from django.db import models


class MailStop(models.Model):
    """A stop of all mail that nobody has requested; ended when `ended_at` is set."""

    stopped_at = models.DateTimeField()
    stopped_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=1_000)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=200, blank=True, default="")
    ended_reason = models.CharField(max_length=1_000, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(ended_at=None),
                name="mail_is_stopped_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="mail_is_stopped_for_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stopped_at}: {self.reason}"


class MailStamp(models.Model):
    """The database that may send mail, so that a restored copy of it does not.

    `database` identifies the very tables (`portal.mail.switch`), and a file in VAR
    repeats `mark`. After an operator has confirmed a restored database, nothing that
    was due up to `restored_at` is sent: it may have been sent before.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    mark = models.UUIDField()
    database = models.CharField(max_length=200)
    restored_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(id=1), name="there_is_one_stamp_for_mail"
            ),
        ]

    def __str__(self) -> str:
        return self.database
