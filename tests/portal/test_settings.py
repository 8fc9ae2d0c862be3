"""The environment is typed, its mistakes are reported, and settings must agree."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from portal import checks, env
from portal.http import endpoints
from portal.stack import commands
from usage.checks import check_file_size_limit, check_store
from usage.usg.limits import DEFAULT_LIMITS

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def _fresh_parts() -> Any:
    env._running_parts.cache_clear()
    yield
    env._running_parts.cache_clear()


def test_the_environment_comes_before_the_running_parts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "parts.json").write_text(
        json.dumps({"S3_REGION": "from-parts", "S3_BUCKET": "from-parts"})
    )
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.setenv("S3_REGION", "from-environment")
    monkeypatch.delenv("S3_BUCKET", raising=False)
    monkeypatch.delenv("S3_PREFIX", raising=False)
    assert env.text("S3_REGION") == "from-environment"
    assert env.text("S3_BUCKET") == "from-parts"
    assert env.text("S3_PREFIX") == ""


def test_what_has_no_default_has_to_be_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAR", str(tmp_path))
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        env.text("SECRET_KEY")


def test_what_is_not_declared_cannot_be_read() -> None:
    with pytest.raises(KeyError):
        env.text("PATH")


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [(env.whole, "PORT", "eight"), (env.truth, "DEBUG", "maybe")],
)
def test_a_value_of_the_wrong_kind_is_told(
    monkeypatch: pytest.MonkeyPatch, read: Any, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be .* not '{value}'"):
        read(name)


@pytest.mark.parametrize("value", ["not base64!", b64encode(bytes(16)).decode()])
def test_a_wrong_key_is_told_without_telling_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MASTER_KEY", value)
    with pytest.raises(ImproperlyConfigured, match="base64 of 32 bytes") as error:
        env.key("MASTER_KEY", size=32)
    assert value not in str(error.value)


def test_the_system_checks_find_nothing_here() -> None:
    assert run_checks() == []


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://portal.vendor.example", ".vendor.example"),
        ("https://portal.vendor.example", "Portal.Vendor.Example"),
    ],
)
def test_a_host_that_is_answered_is_no_mistake(
    settings: Any, address: str, allowed: str
) -> None:
    settings.PORTAL_ADDRESS, settings.TRUSTED_PROXY = address, True
    settings.ALLOWED_HOSTS = [allowed]
    assert checks.settings_agree(None) == []


@pytest.mark.parametrize(("given", "level"), [("debug", "DEBUG"), ("ERROR", "ERROR")])
def test_a_log_level_may_be_written_in_small_letters(
    monkeypatch: pytest.MonkeyPatch, given: str, level: str
) -> None:
    monkeypatch.setenv("LOG_LEVEL", given)
    assert env.log_level() == level


def test_an_unknown_log_level_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(ImproperlyConfigured, match=r"LOG_LEVEL must be .* 'loud'"):
        env.log_level()


def test_an_address_without_an_endpoint_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = {
        name: methods
        for name, methods in endpoints.ENDPOINTS.items()
        if name != "healthz"
    }
    monkeypatch.setattr(endpoints, "ENDPOINTS", {**others, "nowhere": {}})
    found = checks.every_address_has_an_endpoint(None)
    assert [error.id for error in found] == ["portal.E001", "portal.E002"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LATE_FROM", 3, "portal.E003"),
        ("LATE_FROM", 28, "portal.E003"),
        ("S3", {"access_key_id": "me", "secret_access_key": ""}, "portal.E004"),
        ("PORTAL_ADDRESS", "http://elsewhere.example", "portal.E005"),
        ("PORTAL_ADDRESS", "https://localhost", "portal.W003"),
        ("PORTAL_ADDRESS", "http://127.0.0.1:8000", "portal.W005"),
        ("INBOX_AFTER", "delete", "portal.E007"),
        ("PROXY_STAMPS", True, "portal.E008"),
    ],
)
def test_settings_that_do_not_agree_are_told(
    settings: Any, name: str, value: Any, told: str
) -> None:
    if isinstance(value, dict):
        value = {**settings.S3, **value}
    setattr(settings, name, value)
    assert [error.id for error in checks.settings_agree(None)] == [told]


@pytest.mark.parametrize(
    ("bucket", "prefix", "inbox", "told"),
    [
        ("same", "", "", ["portal.E006"]),
        ("same", "inbox/", "inbox/", ["portal.E006"]),
        ("same", "inbox/old/", "inbox/", ["portal.E006"]),
        ("same", "archive/", "inbox/", []),
        ("same", "", "inbox/", []),
        ("other", "", "", []),
        ("", "", "", []),
    ],
)
def test_what_is_forwarded_may_not_lie_in_the_inbox(
    settings: Any, bucket: str, prefix: str, inbox: str, told: list[str]
) -> None:
    settings.S3 = {**settings.S3, "bucket": "same", "prefix": prefix}
    settings.INBOX_BUCKET, settings.INBOX_PREFIX = bucket, inbox
    assert [error.id for error in checks.settings_agree(None)] == told


def test_fewer_connections_than_threads_are_told(settings: Any) -> None:
    settings.DATABASE_POOL = 3
    found = checks.a_thread_never_waits_for_a_connection(None)
    assert [warning.id for warning in found] == ["portal.W001"]


def test_a_proxy_that_is_trusted_may_speak_tls(settings: Any) -> None:
    settings.PORTAL_ADDRESS, settings.TRUSTED_PROXY = "https://localhost", True
    assert checks.settings_agree(None) == []
    # There, staff need a second factor.
    settings.STAFF_SECOND_FACTOR = False
    [error] = checks.settings_agree(None)
    assert error.id == "portal.E014"


def test_more_than_can_be_read_is_not_to_be_taken(settings: Any) -> None:
    limit = DEFAULT_LIMITS.file_bytes
    for size, told in ((limit, []), (limit + 1, ["usage.E001"])):
        settings.MAX_FILE_BYTES = size
        assert [error.id for error in check_file_size_limit(None)] == told


@pytest.mark.parametrize(
    ("store", "fallback", "bucket", "prefix", "told"),
    [
        ("folder", "", "", "", []),
        ("folder", "", "archive", "", []),
        ("folder", "folder", "", "", ["usage.E002"]),
        ("s3", "s3", "files", "", ["usage.E002"]),
        ("s3", "", "", "", ["usage.E003"]),
        ("folder", "s3", "", "", ["usage.E003"]),
        ("s3", "folder", "files", "", []),
        ("s3", "", "files", "/usage", ["usage.E004"]),
        ("s3", "", "files", "usage/", []),
        ("s3", "", "files", "usage//", ["usage.E004"]),
        ("s3", "", "files", "a//b", ["usage.E004"]),
        ("s3", "", "files", "./usage", ["usage.E004"]),
        ("s3", "", "files", "..", ["usage.E004"]),
        ("s3", "", "archive", "", ["usage.E005"]),
        ("s3", "", "archive", "usage/", []),
        ("s3", "", "archive", "out", ["usage.E005"]),
        ("s3", "", "archive", "out/usage", ["usage.E005"]),
        ("folder", "s3", "inbox", "inbox", ["usage.E005"]),
        ("s3", "", "inbox", "inbox2", []),
    ],
)
def test_the_store_on_s3_shares_no_part_of_a_bucket(
    settings: Any, store: str, fallback: str, bucket: str, prefix: str, told: list[str]
) -> None:
    settings.S3 = {**settings.S3, "bucket": "archive", "prefix": "out/"}
    settings.INBOX_BUCKET, settings.INBOX_PREFIX = "inbox", "inbox/"
    settings.USAGE_STORE, settings.USAGE_STORE_FALLBACK = store, fallback
    settings.USAGE_STORE_BUCKET, settings.USAGE_STORE_PREFIX = bucket, prefix
    assert [error.id for error in check_store(None)] == told


@pytest.mark.parametrize(
    ("store", "fallback", "told"),
    [("s3", "", ["usage.E006"]), ("s3", "folder", []), ("folder", "s3", [])],
)
def test_files_that_were_not_moved_from_the_folder_are_an_error(
    settings: Any, tmp_path: Path, store: str, fallback: str, told: list[str]
) -> None:
    settings.VAR, settings.USAGE_STORE_BUCKET = tmp_path, "files"
    settings.USAGE_STORE, settings.USAGE_STORE_FALLBACK = store, fallback
    for folder in ("spool", "leftovers/2026-05-07/12", "12/ab"):
        (tmp_path / "usage" / folder).mkdir(parents=True)
    (tmp_path / "usage/leftovers/2026-05-07/12/apart.usg").touch()
    assert check_store(None) == []
    (tmp_path / "usage/12/ab/left.usg").touch()
    assert [error.id for error in check_store(None)] == told


def test_a_store_that_does_not_exist_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("USAGE_STORE", "s4")
    with pytest.raises(ImproperlyConfigured, match="must be folder or s3, not 's4'"):
        env.choice("USAGE_STORE", ("folder", "s3"))
    monkeypatch.setenv("USAGE_STORE", "")
    assert env.choice("USAGE_STORE", ("folder", "s3")) == "folder"


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_folder_is_the_usual_one_for_all(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("VAR", raising=False)
    else:
        monkeypatch.setenv("VAR", value)
    assert env.var_folder() == commands.default_folder() == env.BASE / "var"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("", ""),
        ("help@vendor.example", "mailto:help@vendor.example"),
        ("https://help.vendor.example/usage", "https://help.vendor.example/usage"),
    ],
)
def test_a_support_contact_is_a_mail_address_or_a_page(
    monkeypatch: pytest.MonkeyPatch, value: str, address: str
) -> None:
    monkeypatch.setenv("SUPPORT_CONTACT", value)
    assert env.contact("SUPPORT_CONTACT") == address


@pytest.mark.parametrize(
    "value",
    [
        "support",
        "javascript:alert(1)",
        "http://help.vendor.example",
        "https:///help",
        "Help <help@vendor.example>",
        "help@vendor.example\nBcc: all@vendor.example",
        "@",
    ],
)
def test_an_invalid_contact_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SUPPORT_CONTACT", value)
    with pytest.raises(ImproperlyConfigured, match="SUPPORT_CONTACT"):
        env.contact("SUPPORT_CONTACT")
