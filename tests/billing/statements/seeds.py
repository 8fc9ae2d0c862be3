"""Chooses the random months that are compared.

MONTHS=500 chooses the seeds 0 to 499, MONTHS=1000-1500 those from 1000 to 1499.
"""

import os

DEFAULT = 100
# A statement has a line for each hour, so more months at once would fill the memory.
AT_ONCE = 25

_first, _, _end = (os.environ.get("MONTHS") or str(DEFAULT)).rpartition("-")
SEEDS = range(int(_first or 0), int(_end))
