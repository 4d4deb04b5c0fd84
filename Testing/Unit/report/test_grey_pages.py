"""Pages for film: a PDF's pages and pictures in grey, at their size, with whose they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.report.grey_pages import WHITE, ChosenPages, PdfPages, grey_of
from SenseCarePlanningLib.report.picture_pages import PicturePages


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    """Two pages of 72 x 144 mm: a black bar on the lower left quarter; the second page half grey."""
    path = tmp_path / "pages.pdf"
    width, height = 72 * 72 / 25.4, 144 * 72 / 25.4
    canvas = Canvas(str(path), pagesize=(width, height))
    canvas.rect(0, 0, width / 2, height / 2, stroke=0, fill=1)
    canvas.showPage()
    canvas.setFillGray(0.5)
    canvas.rect(0, 0, width, height, stroke=0, fill=1)
    canvas.showPage()
    canvas.save()
    return path


def test_a_pdf_page_is_drawn_at_its_size(pdf: Path) -> None:
    pages = PdfPages(pdf, dpi=127.0)
    assert len(pages) == 2
    first = pages[0]
    assert first.grey.shape == pytest.approx((720, 360), abs=1)
    assert first.width_mm == pytest.approx(72.0, abs=0.1)
    assert first.height_mm == pytest.approx(144.0, abs=0.3)
    # The PDF's origin is at its lower left, the page's first row at its top.
    assert (first.grey[370:700, 10:170] == 0).all()
    assert (first.grey[:350] == WHITE).all() and (first.grey[:, 190:] == WHITE).all()
    assert int(np.median(pages[-1].grey)) == pytest.approx(WHITE / 2, abs=20)


def test_edges_have_more_than_256_greys(tmp_path: Path) -> None:
    path = tmp_path / "slope.pdf"
    canvas = Canvas(str(path), pagesize=(200, 200))
    for number in range(60):
        canvas.line(0, 3.3 * number, 200, 3.3 * number + 41)
    canvas.save()
    assert len(np.unique(PdfPages(path, dpi=100.0)[0].grey)) > 256


def test_pages_are_chosen_in_order(pdf: Path) -> None:
    chosen = ChosenPages(PdfPages(pdf, dpi=40.0), [1, 0, 1])
    assert len(chosen) == 3
    assert [int(page.grey[0, 0]) == WHITE for page in chosen] == [False, True, False]
    assert len(chosen[1:]) == 2


def test_what_is_no_pdf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_text("no PDF")
    for path in (tmp_path / "report.pdf", tmp_path / "absent.pdf"):
        with pytest.raises(InputError, match=path.name):
            PdfPages(path)
    with pytest.raises(ValueError, match="dpi"):
        PdfPages(tmp_path / "report.pdf", dpi=5.0)


def test_grey_is_luminance() -> None:
    colours = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert grey_of(colours)[0].tolist() == [4095, 0, 871, 2929, 296]
    assert grey_of(np.array([[0, 255, 128]], np.uint8))[0].tolist() == [0, 4095, 2056]


@pytest.mark.parametrize("size", [(900, 900), (300, 200), (1600, 400)])
def test_a_picture_bears_the_patients_name_below_and_is_not_covered(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, (90, 90, 90)).save(tmp_path / "target_axial.png")
    page = PicturePages([(tmp_path / "target_axial.png", "Target axial")], "Wang XiaoDong 王小东 · ID 7 · CT of 2024-01-31")[0]
    rows, columns = page.grey.shape
    assert columns == size[0] and rows > size[1]
    assert (page.grey[: size[1]] == page.grey[0, 0]).all()
    caption = page.grey[size[1] :]
    dark = caption < WHITE // 2
    assert dark.sum() > 100
    # Nothing is cut off at any side.
    assert not (dark[0].any() or dark[-1].any() or dark[:, 0].any() or dark[:, -1].any())


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.png"):
        PicturePages([(tmp_path / "broken.png", "Broken")], "A")[0]
