"""Hands a receipt that is too long for a download to the workers, who mail it.

Billing sends the mails. It is a layer above usage, so it registers its function here.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext

from portal.templatetags.shown import grouped
from usage.receipts import pdf as receipt_pdf


@dataclass(frozen=True, slots=True)
class RequestedReceipt:
    """A receipt that is mailed in `parts` mails; not new if already requested today.

    `is_sent` tells whether all of its mails have gone.
    """

    parts: int
    is_new: bool
    is_sent: bool = False

    def repeat_text(self, to: str) -> str:
        """Return a sentence for who requests a receipt again that is not new."""
        text = gettext(
            "The receipt of these files was requested today already. "
            "People and reminders shows whether it has gone to %(to)s."
        )
        if self.is_sent:
            text = gettext("The receipt of these files went to %(to)s today already.")
        return text % {"to": to}

    @property
    def parts_text(self) -> str:
        """A sentence about the parts, after a space; empty if there is only one."""
        if self.parts == 1:
            return ""
        text = gettext(
            "It is split into %(parts)d mails of up to %(files)s files each."
        )
        limit = grouped(receipt_pdf.PDF_AT_MOST)
        return f" {text % {'parts': self.parts, 'files': limit}}"


# Of a tenant's id, ids of files, the recipient's address and the instant of the
# request; begins and ends a unit of work of its own.
RequestReceipt = Callable[[int, Collection[UUID], str, datetime], RequestedReceipt]

_registered: list[RequestReceipt] = []


def register(request: RequestReceipt) -> None:
    """Register what queues a receipt mail; called once from `AppConfig.ready`."""
    _registered.append(request)


def request_receipt(
    tenant_id: int, ids: Collection[UUID], *, to: str, at: datetime
) -> RequestedReceipt:
    """Queue the receipt of some files of a tenant as mails to a person.

    Raises:
        Refused: none of the files is there, or too many receipts wait for the person.

    """
    (request,) = _registered
    return request(tenant_id, ids, to, at)
