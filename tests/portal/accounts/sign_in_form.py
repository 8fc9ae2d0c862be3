"""Signs in through the form, as a browser does."""

from typing import Any

from django.test import Client

from tests.builders import PASSWORD


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: Any) -> Any:
    path = more.pop("path", "/sign-in")
    sent = {"login": email, "password": password, **more.pop("data", {})}
    return client.post(path, sent, **more)


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200
