"""All of `make run`, in a folder of its own, to be killed part by part.

    python -m tests.faults.whole_portal run       the supervisor and all it starts
    python -m tests.faults.whole_portal open N M  N tenants with M servers each, as JSON

The first is `python -m portal.stack run`, but that a part which has died often is
started again as soon as one that has died once: here they die all the time.
"""

import json
import sys

# Seconds after which the supervisor takes a part for well again.
WELL_AFTER = 0.0


def run() -> int:
    """Run the portal until told to stop."""
    from portal.stack import commands, supervisor

    supervisor.RECOVERED_AFTER = WELL_AFTER
    return commands.main(["run"])


def open_tenants(tenants: int, servers: int) -> int:
    """Open tenants in the running portal; print what their servers need to know."""
    import django

    django.setup()
    from tests.builders import open_company
    from tests.faults.customer_client import Customer

    for number in range(1, tenants + 1):
        name = f"K-{number}"
        company = open_company(name, name=name, zone="Europe/Berlin")
        customer = Customer.of(company, servers=servers).to_dict()
        sys.stdout.write(json.dumps(customer) + "\n")
    return 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run"]:
            sys.exit(run())
        case ["open", tenants, servers]:
            sys.exit(open_tenants(int(tenants), int(servers)))
