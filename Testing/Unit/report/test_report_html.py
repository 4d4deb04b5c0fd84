"""The HTML says the same as the PDF, in one file that fetches nothing and lets no text become markup."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from SenseCarePlanningLib.report.html import html_text, write_html
from SenseCarePlanningLib.report.model import (
    CaseReport,
    Cell,
    ClockFace,
    Column,
    DataTable,
    Figure,
    KeyValueTable,
    Matrix,
    Notice,
    Paragraph,
    Section,
    Signature,
    Thumbnail,
    Tone,
)

VOID = {"meta", "img", "br", "circle", "line", "path"}
NASTY = "<script>alert(1)</script> \"quoted\" 'single' & {{ 7*7 }} 王<&>"


class Page(HTMLParser):
    """Collects tags, text and attributes, and checks that tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(report: CaseReport) -> Page:
    page = Page()
    page.feed(html_text(report))
    page.close()
    assert page.open == []
    return page


def nasty_report(picture: Path | None) -> CaseReport:
    blocks = (
        Paragraph(NASTY, NASTY),
        KeyValueTable(((NASTY, NASTY),)),
        DataTable((Column(NASTY),), ((NASTY,), (Cell(NASTY, NASTY, Tone.BAD),), (ClockFace(30.0, (60.0,), NASTY),))),
        DataTable((Column("p"),), ((Thumbnail(picture, NASTY),), (Thumbnail(None, "", missing=NASTY),)), NASTY),
        Matrix(NASTY, (NASTY,), (Cell(lead=NASTY),), ((Cell(NASTY),),), NASTY),
        Figure(picture, NASTY, NASTY),
        Figure(None, "c", "", NASTY),
        Notice(NASTY, NASTY, Tone.CAUTION, (NASTY,)),
        Signature((NASTY,)),
    )
    return CaseReport(NASTY, (Section(NASTY, blocks),), NASTY, "en", NASTY, NASTY, created="2026-01-01T00:00:00", producer=NASTY)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.radial_gradient("L").save(path)
    return path


def test_no_text_becomes_markup(picture: Path) -> None:
    page = parse(nasty_report(picture))
    assert page.tags["script"] == 0
    assert page.text.count(NASTY) >= 20
    assert "49" not in page.text.replace("7*7", "")
    assert ("img", "alt", NASTY) in page.attributes


def test_nothing_is_fetched_and_every_picture_has_words(picture: Path) -> None:
    report = nasty_report(picture)
    page = parse(report)
    sources = [value for tag, name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2
    assert all(source.startswith("data:image/") for source in sources)
    assert page.tags["img"] == sum(1 for tag, name, value in page.attributes if tag == "img" and name == "alt" and value)
    assert not re.search(r"https?://", html_text(report))


def test_tables_are_tables_with_header_cells(picture: Path) -> None:
    page = parse(nasty_report(picture))
    assert page.tags["table"] == page.tags["thead"] == page.tags["tbody"] == 3
    assert all(value in ("col", "row") for tag, name, value in page.attributes if tag == "th" and name == "scope")
    assert page.tags["h1"] == page.tags["h2"] == 1
    assert ("html", "lang", "en") in page.attributes


def test_chinese_carries_its_glyphs() -> None:
    english = CaseReport("Plan", (Section("S", (Paragraph("隆突"),)),))
    chinese = CaseReport("计划", (Section("S", (Paragraph("隆突"),)),), language="zh-Hans")
    assert "@font-face" not in html_text(english)
    text = html_text(chinese)
    assert text.count("data:font/ttf;base64,") == 2
    assert len(text) < 100_000


def test_the_same_report_gives_the_same_bytes(picture: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_html(nasty_report(picture), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_line_break_in_a_text_is_a_line_break() -> None:
    page = parse(CaseReport("T", (Section("S", (Paragraph("one\ntwo"),)),)))
    assert page.tags["br"] == 1
