"""Typeset documents: equal bytes everywhere, tagged, archivable, nothing evaluated."""

import hashlib
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typst

from portal.env import BASE
from portal.errors import Unavailable
from portal.paper import characters, typesetting
from portal.paper.typesetting import Attachment, TypesettingError, typeset
from tests.portal.paper.manuscripts import PARTS, SCRIPTS, manuscript
from tests.portal.paper.pdf_files import (
    attached_files,
    fonts_of,
    pdf_text,
    read_pdf,
    structure,
)

pytestmark = pytest.mark.plain


def test_many_scripts_are_on_paper(caplog: pytest.LogCaptureFixture) -> None:
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


def test_no_character_is_dropped() -> None:
    written = pdf_text(typeset(manuscript("pile\U0001d400\ue000\u202eend.usg")))
    assert "pile\\u{1d400}\\u{e000}\\u{202e}end.usg" in written


# Clusters that no single font draws: a skin tone on a sign, a keycap, a mark of another
# script.
REFUSED = ("\u261d\U0001f3fb", "1\ufe0f\u20e3", "\u0905\u0301\u0951")


@pytest.mark.parametrize("name", REFUSED)
def test_odd_clusters_do_not_change_other_texts(name: str) -> None:
    odd = manuscript(name)
    data = {**odd.data, "facts": [["Kunde", "Müller & Söhne Москва"]]}
    written = pdf_text(typeset(replace(odd, data=data)))
    assert "Müller & Söhne Москва" in written
    assert written.count("\\u{") >= 1


def test_only_refused_texts_are_escaped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Of this mark typst knows better than the fonts.
    monkeypatch.setattr(characters, "printable", str)
    written = pdf_text(typeset(manuscript("Łódź\ue000 שלום")))
    assert "\\u{141}\\u{f3}d\\u{17a}\\u{e000}" in written
    data = {**PARTS, "files": manuscript("x\ue000").data["files"]}
    facts = [["Customer", "Łódź"]]
    odd = replace(manuscript(""), data={**data, "facts": facts})
    written = pdf_text(typeset(odd))
    assert "x\\u{e000}" in written
    assert "Łódź" in written
    assert {one.levelno for one in caplog.records} == {logging.WARNING}


def test_all_texts_are_escaped_as_a_last_resort(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(characters, "printable", str)
    monkeypatch.setattr(typesetting, "_refused_texts", lambda _: set())
    written = pdf_text(typeset(manuscript("Łódź\ue000")))
    assert "\\u{141}\\u{f3}d\\u{17a}\\u{e000}" in written
    assert len(caplog.records) == 2


class RustPanic(BaseException):
    """What a failure inside typst raises."""


RustPanic.__module__ = "pyo3_runtime"


def test_a_failure_of_typst_is_an_error_and_frees_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def compile(self, **options: Any) -> bytes:
            if "pdf_standards" in options:
                raise RustPanic
            return b""

    for _ in range(10):
        with monkeypatch.context() as patch:
            patch.setattr(typst, "Compiler", Broken)
            with pytest.raises(TypesettingError):
                typeset(manuscript("day.usg"))
    assert typeset(manuscript("day.usg"))


def test_few_documents_wait_and_others_are_refused_at_once() -> None:
    waiting = [threading.Thread(target=typeset, args=[manuscript("a")]) for _ in "1234"]
    with typesetting._turn():
        for thread in waiting:
            thread.start()
        while typesetting._places._value:
            time.sleep(0.01)
        started = time.monotonic()
        with pytest.raises(Unavailable):
            typeset(manuscript("b"))
        assert time.monotonic() - started < 1
    for thread in waiting:
        thread.join()
    assert typeset(manuscript("b"))


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


def resident_megabytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


def test_documents_do_not_fill_the_memory() -> None:
    one = manuscript("day.usg")
    many = replace(one, data={**one.data, "files": one.data["files"] * 300})
    typeset(many)
    before = resident_megabytes()
    for number in range(6):
        typeset(replace(many, data={**many.data, "answer": f"{number} files"}))
    assert resident_megabytes() - before < 40


def test_a_document_that_waits_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typesetting, "_LOCK_TIMEOUT", 0.01)
    with typesetting._lock, pytest.raises(Unavailable):
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
