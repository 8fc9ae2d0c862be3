"""`manage.py` says in a sentence that the portal it is for does not run."""

import runpy

import psycopg
import pytest
from django.core import management
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from psycopg.errors import LockNotAvailable

from tests.docs_pages import ROOT

pytestmark = pytest.mark.plain


def run_with(error: Exception, patch: pytest.MonkeyPatch) -> None:
    def fail(_argv: list[str]) -> None:
        raise error

    patch.setattr(management, "execute_from_command_line", fail)
    runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")


def test_a_database_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = OperationalError("couldn't get a connection after 10.00 sec")
    error.__cause__ = psycopg.OperationalError()
    with pytest.raises(SystemExit, match="The database does not answer"):
        run_with(error, monkeypatch)


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="SECRET_KEY is not set"):
        run_with(ImproperlyConfigured("SECRET_KEY is not set"), monkeypatch)


def test_other_failures_of_the_database_keep_their_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = OperationalError("lock timeout")
    error.__cause__ = LockNotAvailable()
    with pytest.raises(OperationalError):
        run_with(error, monkeypatch)
