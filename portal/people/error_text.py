"""Texts of refusals about people and links, by code."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from portal.error_text import ErrorText, error

TEXTS: Mapping[str, ErrorText] = {
    "member-already": error(
        409,
        gettext_noop("This person is a member already."),
        gettext_noop("Nothing was changed. Change the role on the page of the member."),
    ),
    "invited-already": error(
        409,
        gettext_noop("This address has an open invitation already."),
        gettext_noop("Send the invitation again, or withdraw it first."),
    ),
    "staff-already": error(
        409,
        gettext_noop("This person belongs to the billing staff already."),
        gettext_noop("Nothing was changed. Change the role on the page of the person."),
    ),
    "invitations-too-many": error(
        409,
        gettext_noop("There are %(limit)d open invitations. No more can be added."),
        gettext_noop(
            "Withdraw invitations that are no longer needed, then invite again."
        ),
    ),
    "invited-too-often": error(
        429,
        gettext_noop("This address has received %(limit)d invitations within a day."),
        gettext_noop("Try again tomorrow, or call the person."),
    ),
    "last-admin": error(
        409,
        gettext_noop("This is the last tenant admin. Nothing was changed."),
        gettext_noop("Make somebody else a tenant admin first."),
    ),
    "last-clerk": error(
        409,
        gettext_noop("This is the last billing clerk. Nothing was changed."),
        gettext_noop("Make somebody else a billing clerk first."),
    ),
    "role-lost": error(
        403,
        gettext_noop("Your own role has changed meanwhile. Nothing was changed."),
        gettext_noop("Load the page again: it shows what you may do now."),
    ),
    "not-for-oneself": error(
        403,
        gettext_noop("You cannot do this for yourself. Nothing was changed."),
        gettext_noop("Ask another person with this permission."),
    ),
    "person-of-several": error(
        403,
        gettext_noop("This person belongs to several companies. Nothing was changed."),
        gettext_noop("Ask the billing team to remove the lost second factor."),
    ),
    "link-unknown": error(
        404,
        gettext_noop("This link does not work."),
        gettext_noop(
            "A newer mail may have replaced it, or your mail program has broken it over"
            " two lines. Use the newest mail."
        ),
    ),
    "link-used": error(
        409,
        gettext_noop("This link was used already."),
        gettext_noop("A link works once. Sign in as usual; nothing is left to do."),
    ),
    "link-expired": error(
        409,
        gettext_noop("This link is too old."),
        gettext_noop("A link works for three days. Have the mail sent again."),
    ),
    "link-withdrawn": error(
        409,
        gettext_noop("This invitation was withdrawn."),
        gettext_noop("If that was a mistake, ask to be invited again."),
    ),
    "link-of-another": error(
        403,
        gettext_noop(
            "This link is for another account than the one you are signed in with."
        ),
        gettext_noop(
            "Nothing was changed. If the link is yours, sign out, then open it again."
        ),
    ),
    "inviter-gone": error(
        409,
        gettext_noop("The person who invited you may no longer invite people."),
        gettext_noop("Nothing was changed. Ask somebody else to invite you."),
    ),
    "staff-no-member": error(
        409,
        gettext_noop("Billing staff cannot be members of a company."),
        gettext_noop("Nothing was changed. Invite another address instead."),
    ),
    "member-no-staff": error(
        409,
        gettext_noop("Members of a company cannot join the billing staff."),
        gettext_noop(
            "Nothing was changed. Leave the company first, or use another address."
        ),
    ),
    "account-exists": error(
        409,
        gettext_noop("This address has an account. Nothing was changed."),
        gettext_noop("Sign in with it, then open the link again."),
    ),
    "address-taken": error(
        409,
        gettext_noop("This address belongs to an account. Nothing was changed."),
        gettext_noop("Choose another address."),
    ),
}
