"""Replaces manage.py in the supervisor's tests."""

import os
import sys
from pathlib import Path

done = Path(os.environ["VAR"]) / "manage.log"
with done.open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\n")
sys.stdout.write(f"{sys.argv[1]} is done\n")
