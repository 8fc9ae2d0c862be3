"""A worker and a beat with nothing to do."""

import json
import os
from pathlib import Path

from celery import Celery

parts = json.loads((Path(os.environ["VAR"]) / "parts.json").read_text())
app = Celery("portal", broker=parts["BROKER_URL"])
