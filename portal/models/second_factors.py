"""Models beside the library's factors: tries of codes, and resets by somebody else."""

from django.db import models

from portal.models.identity import User


class FactorTries(models.Model):
    """How often a person has typed a code or password since `began_at`.

    A successful try is given back; nothing else lowers the number.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    began_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.tries} tries of {self.user_id} since {self.began_at}"


class FactorReset(models.Model):
    """The last reset of a person's factors by somebody else.

    Before `waits_until` the person cannot set up new ones; None: at once.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    waits_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"factors of {self.user_id} reset at {self.at} by {self.by}"
