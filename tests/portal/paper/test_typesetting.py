"""Typeset documents: equal bytes everywhere, tagged, archivable, nothing evaluated."""

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portal.env import BASE
from portal.errors import Unavailable
from portal.paper import letters, typesetting
from portal.paper.typesetting import Attachment, typeset
from tests.portal.paper.manuscripts import SCRIPTS, manuscript
from tests.portal.paper.pdf_files import (
    attached_files,
    fonts_of,
    pdf_text,
    read_pdf,
    structure,
)

pytestmark = pytest.mark.plain


def test_letters_of_many_scripts_are_on_paper(caplog: pytest.LogCaptureFixture) -> None:
    data = typeset(manuscript(" ".join(SCRIPTS)))
    fonts = {str(one["/BaseFont"]).partition("+")[2] for one in fonts_of(data)}
    families = "NotoSans NotoSansHebrew IBMPlexSansArabic NotoSansCJKjp NotoSansThai"
    for family in families.split():
        assert any(name.startswith(family) for name in fonts), (family, fonts)
    written = pdf_text(data)
    for word in ("Łódź", "Αθήνα", "Ёлка", "Москва", "北京", "カナ", "서울", "ქართული"):
        assert word in written
    for word in ("שלום", "مرحبا"):
        assert word in written or word[::-1] in written
    # Nothing was typeset a second time, with numbers.
    assert not caplog.records


def test_no_letter_is_dropped() -> None:
    written = pdf_text(typeset(manuscript("pile\U0001d400\ue000\u202eend.usg")))
    assert "pile\\u{1d400}\\u{e000}\\u{202e}end.usg" in written


def test_what_the_typesetter_refuses_is_written_in_ascii(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(letters, "printable", lambda text: text)
    written = pdf_text(typeset(manuscript("Łódź\ue000")))
    assert "\\u{141}\\u{f3}d\\u{17a}\\u{e000}" in written
    assert [one.levelno for one in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    "name", ['#panic("x")', "*bold* _em_ $x$ @ref <a> // a", "= Head", '#include "/a"']
)
def test_data_is_never_markup(name: str) -> None:
    assert name in pdf_text(typeset(manuscript(name)))


def test_a_long_name_stays_on_the_page() -> None:
    name = "x" * 200 + "-end.usg"
    [page] = read_pdf(typeset(manuscript(name))).pages
    places: list[float] = []

    def visit(text: str, _cm: Any, tm: Any, _font: Any, _size: Any) -> None:
        if "x" in text:
            places.append(tm[4])

    page.extract_text(visitor_text=visit)
    assert len(places) > 3
    assert "-end.usg" in pdf_text(typeset(manuscript(name))).replace("\u200b", "")


def test_a_document_is_tagged_and_archivable() -> None:
    attachment = Attachment("data.json", "application/json", "Data", '{"ü": "שלום"}')
    data = typeset(manuscript("day.usg", attachments=[attachment]))
    root: Any = read_pdf(data).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    metadata = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert "Receipt of usage files" in metadata
    assert structure(data).count("/H1") == 1
    assert attached_files(data) == {"data.json": '{"ü": "שלום"}'.encode()}
    for font in fonts_of(data):
        [drawn] = font["/DescendantFonts"]
        descriptor = drawn.get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor)


def test_a_document_that_waits_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typesetting, "_PATIENCE", 0.01)
    with typesetting._turn, pytest.raises(Unavailable):
        typeset(manuscript("day.usg"))
    assert typeset(manuscript("day.usg"))


# Prints the SHA-256 of a document that a process with other surroundings typesets.
_PROGRAM = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import django
django.setup()
from tests.portal.paper.manuscripts import manuscript
from portal.paper.typesetting import typeset
print(hashlib.sha256(typeset(manuscript("Łódź שלום.usg"))).hexdigest())
"""


def test_bytes_do_not_depend_on_folder_zone_locale_or_year(tmp_path: Path) -> None:
    here = hashlib.sha256(typeset(manuscript("Łódź שלום.usg"))).hexdigest()
    project = tmp_path / "other project"
    project.mkdir()
    for name in ("portal", "usage", "billing", "tests"):
        (project / name).symlink_to(BASE / name)
    # Copied, so that the templates lie in another folder.
    subprocess.run(["cp", "-r", BASE / "templates", project / "templates"], check=True)
    year = "import time; time.time = lambda: 4102444800.0\n"
    environment = {
        **os.environ,
        "TZ": "Pacific/Kiritimati",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", year + _PROGRAM, str(project)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == here, done.stderr
