"""The PDF holds all that the page model says: sizes, fonts, text, order, no empty page, the same bytes twice."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from SenseCarePlanningLib.report import files
from SenseCarePlanningLib.report.model import (
    CaseReport,
    Cell,
    ClockFace,
    Column,
    DataTable,
    Figure,
    FigureRow,
    Heading,
    KeyValueTable,
    Matrix,
    Notice,
    PageBreak,
    Paragraph,
    Section,
    Signature,
    Thumbnail,
    Tone,
)
from SenseCarePlanningLib.report.pdf import write_pdf

POINTS = {"A4": (595.28, 841.89), "Letter": (612.0, 792.0)}


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def pages_of(path: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(path).pages]


def report(*sections: Section, **changes: str) -> CaseReport:
    plain = CaseReport(
        title="Plan",
        sections=sections,
        patient_line="Zhang San · ID 7",
        purpose_line="for review",
        page_label="Page {page} of {pages}",
        created="2026-03-04T05:06:07+00:00",
        producer="SenseCare Planning 1",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def all_blocks(picture: Path) -> tuple[Section, ...]:
    table = DataTable(
        (Column("Key", 1.0), Column("Clock", 1.0, "center"), Column("Picture", 1.0, "right")),
        (
            (Cell("plain", "lead", Tone.GOOD), ClockFace(40.0, (200.0,), "1 o'clock"), Thumbnail(picture, "alt")),
            ("second", "text", Thumbnail(None, "alt", missing="none made")),
        ),
        "caption of the table",
    )
    matrix = Matrix(
        "corner", ("one", "two"), (Cell(lead="row"),), ((Cell("a", "● yes", Tone.GOOD), Cell("b", "○ no", Tone.BAD)),), "legend"
    )
    figures = FigureRow((Figure(picture, "left"), Figure(None, "right", "", "no renderer")))
    blocks = (
        Heading("A heading"), Paragraph("Running text", "Lead"), Paragraph("small note", small=True),
        KeyValueTable((("name", "value"), ("other", "thing"), ("odd", "one"))), table, matrix,
        Figure(picture, "the figure"), figures,
        Notice("text of it", "Title", Tone.CAUTION, ("first", "second")), PageBreak(), Signature(("Reviewed by", "Date")),
    )  # fmt: skip
    return (Section("First", blocks), Section("Empty", ()), Section("Last", (Paragraph("end"),), new_page=True))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.radial_gradient("L").resize((700, 500)).save(path)
    return path


@pytest.mark.parametrize("size", ["A4", "Letter"])
def test_every_block_is_printed_on_pages_of_the_asked_size(tmp_path: Path, picture: Path, size: str) -> None:
    write_pdf(report(*all_blocks(picture)), tmp_path / "r.pdf", size)
    reader = PdfReader(tmp_path / "r.pdf")
    text = squeezed("".join(pages_of(tmp_path / "r.pdf")))
    for said in (
        "A heading", "Lead Running text", "small note", "value", "odd", "lead", "plain", "1 o'clock", "none made",
        "caption of the table",
        "● yes", "○ no", "legend", "the figure", "left", "right", "no renderer", "text of it", "second", "Reviewed by", "end",
    ):  # fmt: skip
        assert squeezed(said) in text, said
    for page in reader.pages:
        assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(POINTS[size], abs=0.1)
    assert [entry.title for entry in reader.outline] == ["First", "Empty", "Last"]
    assert sum(len(page.images) for page in reader.pages) == 3


def test_each_page_names_patient_purpose_date_and_number(tmp_path: Path, picture: Path) -> None:
    write_pdf(report(*all_blocks(picture)), tmp_path / "r.pdf")
    pages = pages_of(tmp_path / "r.pdf")
    assert len(pages) >= 3
    for number, text in enumerate(pages, start=1):
        assert "Zhang San · ID 7" in text
        assert "for review" in text
        assert "2026-03-04 05:06" in text
        assert f"Page {number} of {len(pages)}" in text


def test_the_metadata_hold_no_identity_and_the_fonts_are_embedded(tmp_path: Path, picture: Path) -> None:
    write_pdf(report(*all_blocks(picture), language="zh-Hans"), tmp_path / "r.pdf")
    reader = PdfReader(tmp_path / "r.pdf")
    assert reader.metadata is not None
    assert reader.metadata.title == "Plan"
    assert "Zhang" not in str(dict(reader.metadata))
    assert str(reader.metadata.creation_date).startswith("2026-03-04 05:06:07")
    assert reader.trailer["/Root"]["/Lang"] == "zh-Hans"
    names = set()
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            names.add(font.get_object()["/BaseFont"])
            assert "/FontFile2" in font.get_object()["/FontDescriptor"].get_object()
    assert all("NotoSansSC" in name for name in names)


def test_the_same_report_gives_the_same_bytes(tmp_path: Path, picture: Path) -> None:
    for name in ("one.pdf", "two.pdf"):
        write_pdf(report(*all_blocks(picture)), tmp_path / name)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


def test_markup_and_odd_characters_are_printed_as_they_are(tmp_path: Path) -> None:
    text = 'a<b> & "c" </para><font size=40> 50 % {x} 王小东 RB3b→RB3 <br/>'
    write_pdf(report(Section("S & <T>", (Paragraph(text), KeyValueTable(((text, text),)))), title="T<&>"), tmp_path / "r.pdf")
    found = squeezed("".join(pages_of(tmp_path / "r.pdf")))
    assert found.count(squeezed(text)) == 3
    assert "S&<T>" in found


def test_an_unknown_character_is_a_box(tmp_path: Path) -> None:
    write_pdf(report(Section("S", (Paragraph("𠮷\U0001f600 end"),)), patient_line="𠮷"), tmp_path / "r.pdf")
    assert "□□ end" in pages_of(tmp_path / "r.pdf")[0]


def test_a_long_table_repeats_its_header_and_loses_no_row(tmp_path: Path) -> None:
    rows = tuple((str(number), "支气管" * (number % 30), "word " * (number % 9)) for number in range(250))
    columns = (Column("Number", 1.0), Column("Name", 2.0), Column("Note", 1.0))
    write_pdf(report(Section("S", (DataTable(columns, rows),))), tmp_path / "r.pdf")
    pages = pages_of(tmp_path / "r.pdf")
    assert len(pages) > 5
    assert all("Number" in text for text in pages)
    assert set(map(str, range(250))) <= set("\n".join(pages).split())


def test_words_without_spaces_stay_inside_the_page(tmp_path: Path) -> None:
    long = "1.2.840." + "123456789." * 40
    cell = DataTable((Column("a"), Column("b", 0.05)), ((long, "WWW"), (long, long)))
    write_pdf(
        report(Section("S" * 150, (Paragraph(long), cell)), patient_line="P" * 400, purpose_line="Q" * 400), tmp_path / "r.pdf"
    )
    inside: list[float] = []

    def place(text: str, page: list[float], line: list[float], _font: object, _size: object) -> None:
        if text.strip():
            inside.append(line[4] * page[0] + line[5] * page[2] + page[4])

    reader = PdfReader(tmp_path / "r.pdf")
    for page in reader.pages:
        page.extract_text(visitor_text=place)
    assert len(reader.pages) < 40
    assert min(inside) > 40.0
    assert max(inside) < 555.0
    assert squeezed("".join(pages_of(tmp_path / "r.pdf"))).count(long[-60:]) >= 2


def test_no_page_is_empty_and_no_heading_is_left_alone(tmp_path: Path) -> None:
    rows = tuple((f"row {number}", "x") for number in range(7))
    for lines in range(30, 60, 3):
        filler = Paragraph("\n".join(f"line {number}" for number in range(lines)))
        table = DataTable((Column("head"), Column("b")), rows)
        sections = (Section("One", (filler, Heading("Sub"), table)), Section("Two", (Paragraph("last words"),), new_page=True))
        write_pdf(report(*sections), tmp_path / "r.pdf")
        pages = pages_of(tmp_path / "r.pdf")
        holder = next(text for text in pages if "Sub" in text)
        assert "row 0" in holder, lines
        for text in pages:
            assert any(mark in text for mark in ("line ", "row ", "last words")), (lines, text)


def test_a_picture_that_cannot_be_read_leaves_its_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    figures = (Figure(broken, "cut", "", "could not be read"), Figure(tmp_path / "absent.png", "gone", "", "was not made"))
    write_pdf(report(Section("S", figures)), tmp_path / "r.pdf")
    text = pages_of(tmp_path / "r.pdf")[0]
    assert "could not be read" in text
    assert "was not made" in text


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.pdf"
    path.write_bytes(b"old")

    def refuse(_source: str, _goal: Path) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(PermissionError):
        write_pdf(report(Section("S", (Paragraph("text"),))), path)
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["r.pdf"]


def test_a_report_without_sections_and_an_unknown_page_size(tmp_path: Path) -> None:
    write_pdf(report(created="no date"), tmp_path / "r.pdf")
    assert len(PdfReader(tmp_path / "r.pdf").pages) == 1
    with pytest.raises(ValueError, match="A5"):
        write_pdf(report(), tmp_path / "r.pdf", "A5")


def test_tables_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="need 1 cells"):
        DataTable((Column("a"),), (("1", "2"),))
    with pytest.raises(ValueError, match="1 rows of 2"):
        Matrix("", ("a", "b"), (Cell("r"),), ((Cell("1"),),))
