"""The step of a sign-in after the password: presenting the second factor.

A password reset ends in it as well, because it signs in through the same steps.
"""

from typing import Any

from allauth.account.stages import LoginStage
from allauth.mfa.webauthn.internal.flows import did_use_passwordless_login
from django.shortcuts import redirect

from portal.accounts.sign_in_facts import has_second_factor

# A keyed hash of the password, as sessions have it.
_PASSWORD = "password"  # noqa: S105 - a key


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
        self.state[_PASSWORD] = user.get_session_auth_hash()
        return redirect(self.urlname), True

    def is_of_present_password(self) -> bool:
        """Return whether the password is still the one that the sign-in began with.

        A changed password ends all sessions, and sign-ins that have only begun as well.
        """
        user = self.login.user
        found = self.state.get(_PASSWORD)
        return user is not None and bool(user.get_session_auth_hash() == found)
