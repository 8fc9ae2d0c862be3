"""Leads people to what their sign-in lacks: a second factor, or a fresh sign-in.

The pages are those of `portal.second_factor`, found by their addresses.
"""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import resolve, reverse

from portal.accounts.caller import Caller
from portal.accounts.login_redirect import SAFE, return_address
from portal.accounts.sign_in_facts import has_second_factor


def factor_page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Redirect to presenting the second factor, or to setting one up."""
    has_one = caller.user_id is not None and has_second_factor(caller.user_id)
    return _to("confirm-identity" if has_one else "second-factor-set-up", request)


def confirm_page(request: HttpRequest) -> HttpResponse:
    """Redirect a page to the confirmation; answer a form with it, and its fields.

    The check of the form's CSRF token has passed.
    """
    if request.method in SAFE:
        return _to("confirm-identity", request)
    view: Any = resolve(reverse("confirm-identity")).func
    page: HttpResponse = view(request, is_refused_form=True)
    return page


def _to(name: str, request: HttpRequest) -> HttpResponse:
    query = urlencode({"next": return_address(request)}, safe="/")
    return redirect(f"{reverse(name)}?{query}")
