"""The API, version 1: authentication, error responses, and the apps' routers.

Routers are given as strings, so that this module imports no other app.
"""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from ninja.security.base import AuthBase
from ninja.types import DictStrAny

from portal.accounts.caller import Caller
from portal.errors import Refused, Unavailable
from portal.http import api_docs
from portal.http.middleware import render_error


class TokenOrSession(AuthBase):
    """Declares in the API document what the middleware has checked before any view."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Caller | None:
        caller: Caller | None = getattr(request, "caller", None)
        return caller


class LocalDocs(DocsBase):
    """The API's documentation as a page of the portal, without external resources."""

    def render_page(
        self, request: HttpRequest, api: NinjaAPI, **kwargs: Any
    ) -> HttpResponse:
        return render(request, "portal/http/api-docs.html", _shown(api))


@cache
def _shown(api: NinjaAPI) -> dict[str, Any]:
    document = api.get_openapi_schema()
    return {
        "endpoints": list(api_docs.endpoints(document)),
        "objects": list(api_docs.objects(document)),
    }


class PortalApi(NinjaAPI):
    """The API, whose document is made once in a process.

    Anybody may read it, and making it takes a tenth of a second: some hundred clients
    who ask for it at once would stop the portal.
    """

    @cache  # noqa: B019 - there is one API, for as long as the process lives
    def _document(self) -> OpenAPISchema:
        return super().get_openapi_schema()

    def get_openapi_schema(
        self,
        *,
        path_prefix: str | None = None,
        path_params: DictStrAny | None = None,
    ) -> OpenAPISchema:
        """Return the document, which nobody may change."""
        if path_prefix is not None or path_params:
            return super().get_openapi_schema(
                path_prefix=path_prefix, path_params=path_params
            )
        return self._document()


class ProblemOut(Schema):
    """What went wrong, whose turn it is, and what to do."""

    code: str
    title: str
    advice: str


api = PortalApi(
    title="Subscription usage portal",
    version="1",
    urls_namespace="api",
    auth=TokenOrSession(),
    docs_url="/docs",
    openapi_url="/openapi.json",
    docs=LocalDocs(),
)


@api.exception_handler(Refused)
def _refused(request: HttpRequest, problem: Refused) -> HttpResponse:
    return render_error(request, problem)


@api.exception_handler(Unavailable)
def _unavailable(request: HttpRequest, problem: Unavailable) -> HttpResponse:
    return render_error(request, problem)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, problem: ValidationError) -> HttpResponse:
    # Names the field, never its value: that may be long, or a secret.
    first: dict[str, Any] = dict(problem.errors[0]) if problem.errors else {}
    where = ".".join(str(part) for part in first.get("loc", ()))[:100]
    detail = f"{where}: {first.get('msg', '')}"[:300]
    return render_error(request, Refused("input-invalid", detail=detail))


@api.exception_handler(UnreadablePostError)
def _unreadable(request: HttpRequest, _problem: UnreadablePostError) -> HttpResponse:
    # The connection was cut, or no data arrived in time.
    return render_error(request, Refused("request-malformed"))


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, problem: HttpError) -> HttpResponse:
    return render_error(request, Refused("input-invalid", detail=str(problem)[:300]))


api.add_router("", "usage.api.router")
api.add_router("", "usage.upload_runs.api.router")
api.add_router("", "usage.connectivity.api.router")
api.add_router("", "billing.api.router")
api.add_router("", "billing.desk.api.router")
api.add_router("", "billing.statements.api.router")
