"""Notes of the billing staff about tenants."""

from django.db import models

from portal.models import Tenant, User

# Long enough for the notes of a telephone call.
NOTE_CHARACTERS = 4_000


class StaffNote(models.Model):
    """A note of the staff about a tenant; only the role of the staff has rights on it.

    `text` is the latest text; earlier texts are in the staff's audit trail. A withdrawn
    note keeps its row without the text.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    author = models.ForeignKey(User, on_delete=models.PROTECT)
    written_by = models.CharField(max_length=200)
    written_at = models.DateTimeField()
    text = models.CharField(max_length=NOTE_CHARACTERS, blank=True)
    corrected_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None) ^ models.Q(text=""),
                name="a_note_has_a_text_until_it_is_withdrawn",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "-written_at", "-id"], name="notes_newest_first"
            ),
        ]

    def __str__(self) -> str:
        return f"note {self.pk} about {self.tenant}"
