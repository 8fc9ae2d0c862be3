"""Identifies the caller of a request: a token's, or the person of a session."""

from django.http import HttpRequest
from django.utils import timezone

from portal.accounts import token_sign_in, tokens
from portal.accounts.caller import SESSION_TENANT, Caller, user_caller
from portal.accounts.client_address import client_address, origin_of
from portal.accounts.end_sessions import EndReason
from portal.accounts.sessions import SessionStore
from portal.accounts.sign_in_facts import FRESH_FOR, presented_factors
from portal.errors import Refused
from portal.http.endpoint_types import PEOPLE, TOKENS, Endpoint
from portal.models import EventKind, User
from portal.security_events.record import record

API = "/api/"

# The events of refused tokens; too many requests of a valid one are no event.
_EVENTS = {
    "token-unknown": EventKind.TOKEN_UNKNOWN,
    "token-expired": EventKind.TOKEN_REFUSED,
    "token-revoked": EventKind.TOKEN_REFUSED,
    "token-network": EventKind.TOKEN_REFUSED,
}


def is_of_api(request: HttpRequest) -> bool:
    """Return whether an address is the API's: by its route, never by a prefix."""
    return request.path_info.startswith(API)


def identify(request: HttpRequest, endpoint: Endpoint) -> Caller | None:
    """Return the caller of a request to an endpoint, None if it names none.

    Raises:
        Refused: the token is not valid here and now, or the endpoint of the API is for
        people only. The session is ignored then: a client that sends a token wants to
        use it.

    """
    header = token_sign_in.header_for_portal(request.headers.get("Authorization"))
    may_be_token = TOKENS in endpoint.callers or is_of_api(request)
    if header is not None and may_be_token:
        caller = _token_caller(request, header)
        if TOKENS not in endpoint.callers:
            raise Refused("people-only")
        return caller
    return identify_person(request) if PEOPLE in endpoint.callers else None


def _token_caller(request: HttpRequest, header: str) -> Caller:
    """Return the caller of a token; a refused one is a security event."""
    at = timezone.now()
    try:
        return token_sign_in.sign_in(header, address=client_address(request), at=at)
    except Refused as refusal:
        kind = _EVENTS.get(refusal.code)
        if kind is not None:
            digest = tokens.digest_start(header.partition(" ")[2].strip(" "))
            details = {"reason": refusal.code, "digest": digest}
            record(kind, origin=origin_of(request), at=at, details=details)
        raise


def identify_person(request: HttpRequest) -> Caller | None:
    if not isinstance(request.user, User):
        return None
    session, user = request.session, request.user
    if isinstance(session, SessionStore) and not session.renew(user, at=timezone.now()):
        # Its time is over. It is removed, or a client could go on trying it.
        origin = origin_of(request)
        if origin.session is not None:
            record(
                EventKind.SESSION_ENDED,
                origin=origin,
                at=timezone.now(),
                user_id=user.pk,
                details={"reason": EndReason.TIME},
            )
        session.flush()
        return None
    return user_caller(
        user,
        wanted_tenant=session.get(SESSION_TENANT),
        presented=presented_factors(session, user),
    )


def record_refusal(request: HttpRequest, caller: Caller) -> None:
    """Record that a person or token has called what their role does not allow."""
    match = request.resolver_match
    record(
        EventKind.REFUSED,
        origin=origin_of(request),
        at=timezone.now(),
        user_id=caller.user_id,
        tenant_id=caller.tenant_id,
        actor="" if caller.user_id else caller.name,
        details={
            "endpoint": match.view_name if match else "",
            "method": request.method or "",
        },
    )


def has_signed_in_lately(caller: Caller) -> bool:
    """Return whether a person has just presented the strongest factor they have."""
    proven_at = caller.proven_at
    return proven_at is not None and timezone.now() - proven_at < FRESH_FOR
