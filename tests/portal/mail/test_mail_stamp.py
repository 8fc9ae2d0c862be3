"""Several machines send mail for one database, and a copy of it still sends none."""

from pathlib import Path
from typing import Any

from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from tests.builders import NOW


def held() -> str:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return mail_switch.send_permission().held


def test_only_the_machine_with_the_file_sends(
    db: None, settings: Any, tmp_path: Path
) -> None:
    assert held() == ""
    settings.VAR = tmp_path / "another machine"
    assert held() == mail_switch.RESTORED_COPY


def test_machines_with_the_same_stamp_send_without_a_file(
    db: None, settings: Any, tmp_path: Path
) -> None:
    settings.MAIL_STAMP = "a random text"
    assert held() == ""
    settings.VAR = tmp_path / "another machine"
    assert held() == ""
    assert not (tmp_path / "mail-stamp").exists()


def test_another_stamp_or_none_is_a_copy(db: None, settings: Any) -> None:
    settings.MAIL_STAMP = "a random text"
    assert held() == ""
    for other in ("another text", ""):
        settings.MAIL_STAMP = other
        assert held() == mail_switch.RESTORED_COPY


def test_a_new_stamp_applies_after_claim_mail(db: None, settings: Any) -> None:
    assert held() == ""
    settings.MAIL_STAMP = "a random text"
    assert held() == mail_switch.RESTORED_COPY
    mail_switch.claim(by="operator", at=NOW)
    assert held() == ""
