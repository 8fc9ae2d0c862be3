"""Page of the access check: results that servers reported, and how to run it."""

from django.http import HttpResponse
from django.shortcuts import render

from portal.db import unit_of_work
from portal.http.middleware import PortalRequest
from usage.connectivity.presenters import answer_text, machine_rows
from usage.connectivity.results import access_results
from usage.sender.access_target import access_target
from usage.usg.client.access_text import RANGES


def access_page(request: PortalRequest) -> HttpResponse:
    """Show the last result of each machine, those without access first."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = access_results()
    target = access_target()
    wanted = target.names
    shown = {
        "answer": answer_text(found),
        "rows": machine_rows(found),
        "by_hand": [f"https://{one}" for one in wanted.bucket],
        "then_by_hand": [f"https://{one}" for one in wanted.service],
        "region": wanted.region,
        "ranges": RANGES,
        "port": target.port,
    }
    return render(request, "usage/connectivity/access.html", shown)
