"""The film of the CardiacCTA panel: laid out, shown, saved, printed; and a result sent to an archive."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from coronary_steps import WAIT_S

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Unit" / "dicomio"))
CHECKED, UNCHECKED = 2, 0
"""Qt::Checked, Qt::Unchecked."""


@pytest.fixture(scope="module")
def pictures(kept, tmp_path_factory):
    """Pictures of the result without those in three dimensions, as the report leaves them."""
    from CardiacCTALib.pictures import make_pictures
    from CardiacCTALib.result_io import load_result

    return make_pictures(load_result(kept.folder), kept.volume, tmp_path_factory.mktemp("film") / "pictures", with_heart=False)


@pytest.fixture
def film(desktop, shown, pictures):
    """The panel with a result that has its pictures."""
    import shutil

    shutil.copytree(next(iter(pictures.values())).parent, Path(shown.session.case.folder) / "pictures")
    shown.filmPanel.show()
    return shown


def drawn(desktop, panel):
    desktop.process_events(until=lambda: not panel.filmPanel.busy, timeout=WAIT_S)


def draw(desktop, panel):
    desktop.click(panel.ui.drawFilmButton)
    drawn(desktop, panel)


def set_choice(desktop, panel, box, value):
    getattr(panel.ui, box).setCurrentIndex(getattr(panel.ui, box).findData(value))
    drawn(desktop, panel)


def row(panel, what):
    rows = [panel.ui.contentList.item(at) for at in range(panel.ui.contentList.count)]
    return next(item for item in rows if item.data(256) == what)


def page_sizes(path):
    from pypdf import PdfReader

    return [[round(float(side) / 72.0, 1) for side in page.mediabox[2:]] for page in PdfReader(path).pages]


def test_without_a_report_there_is_no_film(shown):
    assert not shown.ui.drawFilmButton.enabled
    assert "Make the report first" in shown.ui.filmLabel.text
    assert not shown.ui.saveFilmButton.enabled


def test_the_film_is_shown_as_it_is_saved(desktop, film, tmp_path):
    draw(desktop, film)
    assert film.ui.filmLabel.text == "Film 1 of 1"
    label = film.ui.filmPreviewLabel
    assert not label.isHidden() and label.height / label.width == pytest.approx(17.0 / 14.0, rel=0.01)
    desktop.expect_dialog("QFileDialog.getSaveFileName", str(tmp_path / "mine"))
    desktop.click(film.ui.saveFilmButton)
    assert page_sizes(tmp_path / "mine.pdf") == [[14.0, 17.0]]


def test_each_change_is_drawn(desktop, film):
    draw(desktop, film)
    set_choice(desktop, film, "filmSizeComboBox", "8INX10IN")
    set_choice(desktop, film, "orientationComboBox", True)
    assert page_sizes(film.filmPanel.film) == [[10.0, 8.0]]
    set_choice(desktop, film, "layoutComboBox", "L1")
    count = len(page_sizes(film.filmPanel.film))
    assert count > 1
    assert film.ui.filmLabel.text == f"Film 1 of {count}"
    assert not film.ui.previousFilmButton.enabled
    desktop.click(film.ui.nextFilmButton)
    assert film.ui.filmLabel.text == f"Film 2 of {count}"
    desktop.click(film.ui.previousFilmButton)
    assert film.ui.filmLabel.text == f"Film 1 of {count}"


def test_what_is_not_ticked_is_not_on_the_film(desktop, film):
    from pypdf import PdfReader

    draw(desktop, film)
    assert "L1B" not in PdfReader(film.filmPanel.film).pages[0].extract_text()
    assert "L1 pLAD" in PdfReader(film.filmPanel.film).pages[0].extract_text()
    row(film, "lesion 1").setCheckState(UNCHECKED)
    drawn(desktop, film)
    assert "L1 pLAD" not in PdfReader(film.filmPanel.film).pages[0].extract_text()
    set_choice(desktop, film, "layoutComboBox", "3x3")
    for kind in ("VR", "MIP", "SPR", "CPR", "PROBE", "TABLE"):
        row(film, f"kind {kind}").setCheckState(UNCHECKED)
    drawn(desktop, film)
    assert film.ui.filmLabel.text == "Nothing is chosen."
    assert not film.ui.saveFilmButton.enabled
    row(film, "kind SPR").setCheckState(CHECKED)
    drawn(desktop, film)
    assert film.ui.filmLabel.text == "Film 1 of 1"


def test_pictures_older_than_a_change_are_told(desktop, film):
    from CardiacCTALib.reader_changes import grade_change

    folder = Path(film.session.case.folder)
    (folder / "report.html").write_text("<html></html>", encoding="utf-8")
    os.utime(folder / "report.html", (1.0, 1.0))
    film.filmPanel.show()
    assert film.ui.filmHintLabel.isHidden()
    film.session.change(lambda result: grade_change(result, "pLAD", "5", "Dr. Li"))
    assert "older than the last change" in film.ui.filmHintLabel.text and not film.ui.filmHintLabel.isHidden()


@contextmanager
def node(contexts, handlers, title):
    from pynetdicom import AE

    entity = AE(ae_title=title)
    for context in contexts:
        entity.add_supported_context(context)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()


def enter(sender, port, title):
    sender.host_edit.text, sender.port_box.value, sender.called_edit.text = "127.0.0.1", port, title


def sent(desktop, sender):
    desktop.click(sender.button)
    desktop.process_events(until=lambda: not sender.busy, timeout=WAIT_S)


def test_the_film_shown_is_printed_after_a_yes_and_the_printer_kept(desktop, film, monkeypatch):
    import slicer
    from printers import Printer

    asked = []
    draw(desktop, film)
    film.ui.printerBox.collapsed = False
    printer = Printer()
    ports = []

    def serve(contexts, handlers, ae_title="PRINTER", **settings):
        from SenseCarePlanningLib.dicomio.network import Destination

        started = node(contexts, list(handlers), ae_title)
        ports.append((started, started.__enter__()))
        return Destination("127.0.0.1", ports[-1][1], ae_title)

    there = printer.start(serve)
    sender = film.filmPanel.printer
    enter(sender, there.port, there.called_ae)
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: bool(asked.append(text)))
    sent(desktop, sender)
    assert str(there) in asked[0] and "names the patient" in asked[0]
    assert printer.images == []
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: True)
    sent(desktop, sender)
    assert sender.progress_box.step_label.text == "Done."
    assert len(printer.images) == 1
    rows = printer.images[0].BasicGrayscaleImageSequence[0]
    assert rows.Rows / rows.Columns == pytest.approx(17.0 / 14.0, rel=0.01)
    from SenseCarePlanningWidgets.dicom_node import NodeSender

    again = NodeSender("Printer", "x", "x", lambda: None)
    assert (again.host_edit.text, again.port_box.value) == ("127.0.0.1", there.port)
    ports[0][0].__exit__(None, None, None)


@pytest.fixture
def yes(monkeypatch):
    """Every question is answered with yes."""
    import slicer

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **_: True)


def test_an_unreachable_printer_and_a_missing_address_are_sentences(desktop, film, yes, caplog):
    draw(desktop, film)
    film.ui.printerBox.collapsed = False
    sender = film.filmPanel.printer
    desktop.click(sender.button)
    assert "Enter host and AE title" in caplog.text
    enter(sender, 1, "PRINTER")
    sent(desktop, sender)
    assert "cannot be reached" in sender.progress_box.step_label.text
    assert sender.button.enabled


def test_a_result_without_dicom_files_is_not_sent(desktop, film, caplog):
    film.ui.archiveBox.visible = True
    enter(film.archive, 104, "PACS")
    film.archive.send()
    assert "holds no DICOM files" in caplog.text
    assert not film.archive.busy


def test_dicom_files_and_pictures_go_to_the_archive(desktop, film, yes, tmp_path):
    from pydicom.uid import EncapsulatedPDFStorage, SecondaryCaptureImageStorage
    from pynetdicom import evt

    from SenseCarePlanningLib.dicomio.report_pdf import write_report_dicom
    from SenseCarePlanningLib.dicomio.study import StudyInfo

    draw(desktop, film)
    folder = Path(film.session.case.folder)
    study = StudyInfo(patient_name="Wang^Xiao", patient_id="P-1", study_uid="1.2.826.0.1.3680043.8.498.1")
    assert write_report_dicom(film.filmPanel.film, study, folder / "report.dcm") is None
    (folder / "report.html").write_text("<html></html>", encoding="utf-8")
    film.statusPanel.show_report()
    received = []
    handlers = [(evt.EVT_C_STORE, lambda event: received.append(event.dataset.SOPClassUID) or 0x0000)]
    with node([EncapsulatedPDFStorage, SecondaryCaptureImageStorage, "1.2.840.10008.1.1"], handlers, "PACS") as port:
        film.ui.archiveBox.collapsed = False
        enter(film.archive, port, "PACS")
        sent(desktop, film.archive)
    assert film.archive.progress_box.step_label.text == "Done."
    assert received.count(EncapsulatedPDFStorage) == 1
    assert received.count(SecondaryCaptureImageStorage) == len(list((folder / "pictures").glob("*.png")))
