"""The Celery application: it carries doorbells, nothing else."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.conf.update(settings.CELERY)
app.autodiscover_tasks()
