"""The Celery application; its messages only wake the workers."""

import os

from celery import Celery
from django.conf import settings

from portal.stack import folder

folder.write_privately()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.conf.update(settings.CELERY)
app.autodiscover_tasks()
