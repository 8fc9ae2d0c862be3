"""Page of the access check: results that servers reported, and how to run it."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext

from portal.db import unit_of_work
from portal.http.middleware import PortalRequest
from usage.connectivity.own_check import names
from usage.connectivity.presenters import machine_row
from usage.connectivity.results import MachineResult, access_results
from usage.usg.client.access_text import RANGES


def access_page(request: PortalRequest) -> HttpResponse:
    """Show the last result of each machine, those without access first."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = access_results()
    wanted = names()
    found.sort(key=lambda one: one.report.works)
    shown = {
        "answer": _answer(found),
        "rows": [machine_row(one) for one in found],
        "by_hand": [f"https://{one}" for one in wanted.bucket],
        "then_by_hand": [f"https://{one}" for one in wanted.service],
        "region": wanted.region,
        "ranges": RANGES,
        "port": settings.ACCESS_PORT,
    }
    return render(request, "usage/connectivity/access.html", shown)


def _answer(found: list[MachineResult]) -> str:
    if not found:
        return gettext("No server has reported an access check yet.")
    bad = sum(not one.report.works for one in found)
    if bad == len(found) == 1:
        return gettext("The checked server does not have full access to S3.")
    if bad:
        return ngettext(
            "%(count)d of %(all)d checked servers does not have full access to S3.",
            "%(count)d of %(all)d checked servers do not have full access to S3.",
            bad,
        ) % {"count": bad, "all": len(found)}
    return ngettext(
        "%(all)d checked server has access to S3.",
        "%(all)d checked servers have access to S3.",
        len(found),
    ) % {"all": len(found)}
