"""`python -m portal.stack run | engines | prepare-database`."""

import sys

from portal.stack.commands import main

sys.exit(main(sys.argv[1:]))
