"""The step of a sign-in after the password: presenting the second factor.

A password reset ends in it as well, because it signs in through the same steps.
"""

from typing import Any

from allauth.account.stages import LoginStage
from allauth.mfa.webauthn.internal.flows import did_use_passwordless_login
from django.shortcuts import redirect

from portal.accounts.sign_in_facts import has_second_factor


class SecondFactorStage(LoginStage):
    """Interrupts the sign-in of a person who has a second factor."""

    key = "second-factor"
    urlname = "second-factor"

    def handle(self) -> tuple[Any, bool]:
        user = self.login.user
        if user is None or not has_second_factor(user.pk):
            return None, True
        # A passkey verified the person by itself.
        if did_use_passwordless_login(self.request, user):
            return None, True
        return redirect(self.urlname), True
