"""Maps each problem code to its HTTP status, title and advice."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop

Parameters = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class ErrorText:
    status: int
    title: str
    advice: str


def error(status: int, title: str, advice: str) -> ErrorText:
    return ErrorText(status, title, advice)


def register(texts: Mapping[str, ErrorText]) -> None:
    """Register an app's texts by code; called once from `AppConfig.ready`."""
    TEXTS.update(texts)


# Each code with the HTTP status that endpoints answer with.
TEXTS: dict[str, ErrorText] = {
    "sign-in-needed": error(
        401,
        gettext_noop("You are not signed in."),
        gettext_noop("Sign in, or send an API token as a bearer token."),
    ),
    "csrf-missing": error(
        403,
        gettext_noop("The request did not come from a page of this portal."),
        gettext_noop("Load the page again and repeat what you did."),
    ),
    "request-malformed": error(
        400,
        gettext_noop("The request cannot be read."),
        gettext_noop("Check the address and what is sent; nothing was done."),
    ),
    "too-many-files": error(
        413,
        gettext_noop("One form takes at most %(limit)s files; nothing was kept."),
        gettext_noop(
            "Send them in several parts, or with JavaScript switched on, which takes"
            " whole folders."
        ),
    ),
    "not-allowed": error(
        403,
        gettext_noop("You may not do this."),
        gettext_noop("A tenant admin of your company can give you the role for it."),
    ),
    "too-often": error(
        429,
        gettext_noop("This was sent too often."),
        gettext_noop("Wait an hour, then try again."),
    ),
    "tenant-differs": error(
        409,
        gettext_noop("This was meant for another customer than you act for now."),
        gettext_noop(
            "Nothing was done. Another one was chosen in another window, or the token"
            " is another customer's: switch back, and repeat what you did."
        ),
    ),
    "not-found": error(
        404,
        gettext_noop("There is nothing here."),
        gettext_noop("Check the address; what you look for may be of another tenant."),
    ),
    "method-unknown": error(
        405,
        gettext_noop("This address does not take that method."),
        gettext_noop("The API documentation lists what each address takes."),
    ),
    "length-required": error(
        411,
        gettext_noop("The request does not say how long its body is."),
        gettext_noop("Send Content-Length; chunked transfer is not supported."),
    ),
    "length-invalid": error(
        400,
        gettext_noop("The Content-Length is not a number."),
        gettext_noop("Send the size of the body in bytes."),
    ),
    "body-unexpected": error(
        400,
        gettext_noop("This address accepts no body."),
        gettext_noop("Nothing was done. Send the request without a body."),
    ),
    "body-too-large": error(
        413,
        gettext_noop("The request is larger than %(limit)d KiB."),
        gettext_noop("Nothing was done. Send less in one request."),
    ),
    "body-kind-wrong": error(
        415,
        gettext_noop("This address does not accept this content type."),
        gettext_noop("Nothing was done. Send the body as %(kind)s."),
    ),
    "https-needed": error(
        403,
        gettext_noop("This address is served over https only."),
        gettext_noop(
            "Nothing was done. Use https. If you sent a token or a calendar address,"
            " have it replaced: others may have read it."
        ),
    ),
    "file-too-large": error(
        413,
        gettext_noop("The file is larger than %(limit)d bytes."),
        gettext_noop("A day's usage file is far smaller. Is this one?"),
    ),
    "digest-required": error(
        400,
        gettext_noop("The request does not say what the file's SHA-256 is."),
        gettext_noop(
            "Send Content-Digest: sha-256=:BASE64:, so that damage on the way is seen."
        ),
    ),
    "digest-invalid": error(
        400,
        gettext_noop("The Content-Digest cannot be read."),
        gettext_noop("It has to be sha-256=:BASE64: with 32 bytes in base64."),
    ),
    "digest-differs": error(
        400,
        gettext_noop("What arrived is not what was announced."),
        gettext_noop("The file was damaged on the way, or changed. Send it again."),
    ),
    "body-cut": error(
        400,
        gettext_noop("Only %(received)d of %(announced)d bytes arrived."),
        gettext_noop("The connection was cut. Nothing was kept; send it again."),
    ),
    "body-stalled": error(
        408,
        gettext_noop(
            "The body came too slowly: nothing for %(seconds)d seconds, less than 1 KiB"
            " a second, or more than ten minutes in all."
        ),
        gettext_noop("Nothing was kept. Send the file again."),
    ),
    "input-invalid": error(
        422,
        gettext_noop("The request is not of the form that is expected here."),
        gettext_noop("%(detail)s"),
    ),
    "period-invalid": error(
        422,
        gettext_noop("This is not a billing period."),
        gettext_noop("A period is written as year and month, such as 2026-05."),
    ),
    "zone-unknown": error(
        422,
        gettext_noop("There is no time zone %(zone)s."),
        gettext_noop("Use a name such as Europe/Berlin."),
    ),
    "tenant-exists": error(
        409,
        gettext_noop("There is a tenant %(number)s already."),
        gettext_noop("Choose another customer number."),
    ),
    "reason-needed": error(
        422,
        gettext_noop("A decision needs a reason."),
        gettext_noop("Say why, in a sentence; it is kept in the audit trail."),
    ),
    "decided-already": error(
        409,
        gettext_noop("This has changed meanwhile, and your decision was not made."),
        gettext_noop("Look at what is there now; somebody may have decided already."),
    ),
    "asked-already": error(
        409,
        gettext_noop("This was requested already, and waits for the billing team."),
        gettext_noop("Withdraw that request first, then ask anew."),
    ),
    "nothing-to-change": error(
        409,
        gettext_noop("That is so already. Nothing was changed."),
        gettext_noop("Look at what is there now, and choose something else."),
    ),
    "not-missing": error(
        409,
        gettext_noop("Not all of this is missing now. Nothing was asked for."),
        gettext_noop("Look at what is missing, and choose from that."),
    ),
    "ids-invalid": error(
        422,
        gettext_noop("Of these files no receipt can be made."),
        gettext_noop("Name up to %(limit)d files by their ids, one in a line."),
    ),
    "period-empty": error(
        404,
        gettext_noop("No file of this period is accepted yet."),
        gettext_noop("A receipt lists accepted files. Upload the files first."),
    ),
    "sheet-too-long": error(
        422,
        gettext_noop("The list has more than %(limit)d rows, too many for XLSX."),
        gettext_noop("Narrow the list by its filters, or download it as CSV."),
    ),
    "trail-too-long": error(
        422,
        gettext_noop("The list has more than %(limit)d entries."),
        gettext_noop("Narrow it by its filters, for example to some days."),
    ),
    "document-busy": error(
        429,
        gettext_noop("Your earlier receipts or lists are not finished yet."),
        gettext_noop("Wait until they are downloaded or mailed, then try again."),
    ),
    "waits-for-more": error(
        409,
        gettext_noop("The file waits for something else too. Nothing was changed."),
        gettext_noop("Decide that first: its day, or whether its key is trusted."),
    ),
    "day-implausible": error(
        422,
        gettext_noop("%(day)s cannot be the day of this file."),
        gettext_noop("Choose a day of the ten years before the file was received."),
    ),
    "deadline-implausible": error(
        422,
        gettext_noop(
            "An extension moves late from to a later time. Nothing was changed."
        ),
        gettext_noop("Late from %(deadline)s now: choose a later day, within a year."),
    ),
    "deadline-passed": error(
        409,
        gettext_noop("The period is late from %(deadline)s. Nothing was changed."),
        gettext_noop("The zone counts for later periods; this one can be extended."),
    ),
    "form-too-large": error(
        413,
        gettext_noop("The form is larger than %(limit)d MB. Nothing was kept."),
        gettext_noop(
            "Send the files in several parts; files we already have are not stored"
            " again."
        ),
    ),
    "part-unreadable": error(
        400,
        gettext_noop("A file was damaged on its way and was not kept."),
        gettext_noop(
            "Its name was damaged too. Compare this list with the files that you"
            " chose, and send those that are not in it again."
        ),
    ),
    "quota-full": error(
        507,
        gettext_noop("Too many files are waiting for a decision."),
        gettext_noop(
            "Nothing was kept. A tenant admin confirms the keys of your servers on the"
            " page Servers, or the billing team decides about the held files; then send"
            " the file again."
        ),
    ),
    "storage-full": error(
        503,
        gettext_noop("The portal has no room for files at the moment."),
        gettext_noop("Nothing was kept. Try again in some minutes; we are told."),
    ),
    "storage-broken": error(
        503,
        gettext_noop("The portal cannot store files at the moment."),
        gettext_noop("Nothing was kept. Try again in some minutes; we are told."),
    ),
    "failed": error(
        500,
        gettext_noop("Something went wrong here."),
        gettext_noop("It is ours to mend, and is in our log. Try again later."),
    ),
    "summary-failed": error(
        503,
        gettext_noop("The numbers of this tenant cannot be computed."),
        gettext_noop(
            "Nothing was changed. Ask the operator: the log of the portal has the"
            " reason."
        ),
    ),
    "busy": error(
        503,
        gettext_noop("The portal is busy."),
        gettext_noop("Nothing was done. Try again in a minute."),
    ),
}
