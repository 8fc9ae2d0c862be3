"""Partial indexes, in one line each."""

from django.db import models
from django.db.models import Q


def partial_index(name: str, *fields: str, of: Q) -> models.Index:
    return models.Index(fields=fields, condition=of, name=name)
