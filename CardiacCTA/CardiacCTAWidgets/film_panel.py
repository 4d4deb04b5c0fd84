"""Step 9: the film, laid out as wished and shown before it is saved or printed."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import qt
import slicer

from CardiacCTALib.film import FINDINGS, FilmKind, FilmOptions, build_film, write_coronary_film
from CardiacCTALib.report_pages.rows import pictured_rows, shown_vessels
from SenseCarePlanningLib.case_folder import FILM_PDF, PICTURES, is_outdated
from SenseCarePlanningLib.dicomio.film import FILM_SIZES_MM
from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.report.film_sheet import REGULAR_LAYOUTS, SPECIAL_LAYOUTS
from SenseCarePlanningLib.report.page_pictures import page_pictures
from SenseCarePlanningWidgets import dependency_installer
from SenseCarePlanningWidgets.background import Newest
from SenseCarePlanningWidgets.ct_export import dicom_files_of
from SenseCarePlanningWidgets.dicom_node import NodeSender, Sending
from SenseCarePlanningWidgets.error_message import sentence_of, shown_failures
from SenseCarePlanningWidgets.picture import PictureStore
from SenseCarePlanningWidgets.texts import language
from SenseCarePlanningWidgets.texts import tr as _

from .check_list import fill_list, ticked

WIDTH_PX, WAIT_MS, LIST_PX = 420, 250, 150


class FilmPanel:
    """Lays the film out; whatever is changed is drawn anew beside the window, once it was drawn for the first time.

    Parameters
    ----------
    ui, session
        The form's widgets, and what is worked on.
    """

    def __init__(self, ui: Any, session: Any) -> None:
        self.ui, self.session = ui, session
        self._pictures = PictureStore()
        self._scratch: Path | None = None
        self._pages: Any = ()
        self._page = 0
        self._problem = ""
        self._newest = Newest(self._drawn, self._not_drawn)
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.interval = WAIT_MS
        self._timer.connect("timeout()", self._draw)
        self.printer = NodeSender(
            "Printer", _("Print on film"), _("Print the film shown on a DICOM film printer."), self._printing
        )
        ui.printerHolder.layout().addWidget(self.printer.widget)
        ui.printerHolder.layout().setContentsMargins(0, 0, 0, 0)
        self._fill_choices()
        ui.contentList.setFixedHeight(LIST_PX)
        for box in (ui.filmSizeComboBox, ui.orientationComboBox, ui.layoutComboBox):
            box.connect("currentIndexChanged(int)", self._on_change)
        ui.contentList.connect("itemChanged(QListWidgetItem*)", self._on_change)
        ui.drawFilmButton.connect("clicked()", self._on_draw)
        ui.previousFilmButton.connect("clicked()", self._on_previous)
        ui.nextFilmButton.connect("clicked()", self._on_next)
        ui.saveFilmButton.connect("clicked()", self.save)
        session.listeners.append(self._on_session)

    @property
    def busy(self) -> bool:
        """Whether the film is drawn, or about to be."""
        return bool(self._newest.busy or self._timer.isActive())

    @property
    def film(self) -> Any:
        """The PDF of the film shown; None before it is drawn."""
        return self._scratch / FILM_PDF if self._scratch is not None and self._pages else None

    def close(self) -> None:
        """The module is unloaded."""
        self._timer.stop()
        self._newest.forget()
        self.printer.close()
        self._pictures.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _fill_choices(self) -> None:
        ui = self.ui
        for size in FILM_SIZES_MM:
            ui.filmSizeComboBox.addItem(size_text(size), size)
        ui.filmSizeComboBox.setCurrentIndex(ui.filmSizeComboBox.findData(FilmOptions().size))
        ui.orientationComboBox.addItem(_("Upright"), False)
        ui.orientationComboBox.addItem(_("Lying"), True)
        ui.layoutComboBox.addItem(_("By the findings (one key)"), FINDINGS)
        for name in REGULAR_LAYOUTS:
            ui.layoutComboBox.addItem(name.replace("x", " × "), name)
        for name in SPECIAL_LAYOUTS:
            ui.layoutComboBox.addItem(_("Special {name}").format(name=name), name)

    def _on_session(self, what: str) -> None:
        if what in ("case", "change"):
            self._newest.forget()
            self._timer.stop()
            self._pages, self._page, self._problem = (), 0, ""
            self._fill_content()
            self.show()

    def _fill_content(self) -> None:
        """List what may stand on the film, all of it chosen."""
        result, words = self.session.result, self.session.words
        rows: list[tuple[str, str]] = []
        if result is not None:
            rows = [(f"kind {kind.value}", text) for kind, text in kind_texts()]
            vessels = [one.vessel.name for one in shown_vessels(result)]
            rows += [(f"vessel {name}", _("Vessel {name}").format(name=name)) for name in vessels]
            for row in pictured_rows(result):
                percent = words.estimate(row.lesion.narrowings[0].diameter_stenosis_percent, "%")
                rows.append((f"lesion {row.number}", _("Lesion {name}").format(name=f"{row.name} {row.code}: {percent}")))
        fill_list(self.ui.contentList, rows, all_ticked=True)

    def options(self) -> FilmOptions:
        """Return the film as it is wished."""
        ui = self.ui
        chosen = [what.partition(" ") for what in ticked(ui.contentList)]
        return FilmOptions(
            size=ui.filmSizeComboBox.currentData,
            layout=ui.layoutComboBox.currentData,
            landscape=bool(ui.orientationComboBox.currentData),
            language=language(),
            kinds=frozenset(FilmKind(value) for sort, _mark, value in chosen if sort == "kind"),
            vessels=frozenset(value for sort, _mark, value in chosen if sort == "vessel"),
            lesions=frozenset(int(value) for sort, _mark, value in chosen if sort == "lesion"),
        )

    def _picture_files(self) -> dict[str, Path]:
        case = self.session.case
        folder = Path(case.folder) / PICTURES if case is not None and case.folder else None
        return {} if folder is None else {path.stem: path for path in sorted(folder.glob("*.png"))}

    def _on_change(self, value: Any) -> None:
        if self._pages or self._problem:
            self._timer.start()

    def _on_draw(self) -> None:
        with shown_failures():
            dependency_installer.ensure("network", _("Cardiac CTA"))
            self._draw()

    def _draw(self) -> None:
        """Draw the film of now beside the window."""
        result, files, options = self.session.result, self._picture_files(), self.options()
        if result is None or not files:
            return
        if self._scratch is None:
            root = Path(str(slicer.app.temporaryPath))
            root.mkdir(parents=True, exist_ok=True)
            self._scratch = Path(tempfile.mkdtemp(prefix="sensecare-", dir=root))
        path, scans = self._scratch / FILM_PDF, dicom_files_of(self.session.case.volume)
        self._newest.wish(lambda: _drawn_film(result, files, path, options, scans))
        self.show()

    def _drawn(self, pages: Any) -> None:
        self._pages, self._problem = pages, "" if pages else _("Nothing is chosen.")
        self._page = min(self._page, max(len(pages) - 1, 0))
        self.show()

    def _not_drawn(self, failure: Exception) -> None:
        self._pages, self._problem = (), sentence_of(failure)
        self.show()

    def _on_previous(self) -> None:
        self._page -= 1
        self.show()

    def _on_next(self) -> None:
        self._page += 1
        self.show()

    def show(self) -> None:
        """Show the page that is looked at, and what can be done."""
        ui, count = self.ui, len(self._pages)
        ready = self.session.result is not None and bool(self._picture_files())
        ui.drawFilmButton.enabled = ready
        ui.contentList.enabled = ready
        ui.previousFilmButton.enabled, ui.nextFilmButton.enabled = self._page > 0, self._page < count - 1
        ui.saveFilmButton.enabled = self.printer.button.enabled = count > 0 and not self.printer.busy
        ui.filmPreviewLabel.visible = count > 0
        if count:
            self._pictures.show(ui.filmPreviewLabel, self._pages[self._page])
            text = _("Film {number} of {count}").format(number=self._page + 1, count=count)
        elif not ready:
            text = _("Make the report first: its pictures stand on the film.")
        else:
            text = self._problem or (_("Drawing the film ...") if self._newest.busy else _("Not drawn yet."))
        ui.filmLabel.text = text
        outdated = ready and is_outdated(Path(self.session.case.folder))
        ui.filmHintLabel.text = _("The pictures are older than the last change: make the report again.") if outdated else ""
        ui.filmHintLabel.visible = outdated

    def save(self) -> None:
        """Ask where, and copy the film there."""
        with shown_failures():
            film = self._present()
            chosen = qt.QFileDialog.getSaveFileName(
                slicer.util.mainWindow(), _("Save the film as PDF"), str(Path.home() / FILM_PDF), "PDF (*.pdf)"
            )
            if chosen:
                target = Path(chosen)
                shutil.copyfile(film, target if target.suffix.lower() == ".pdf" else target.with_suffix(".pdf"))

    def _present(self) -> Path:
        film = self.film
        if film is None or self.busy:
            raise SenseCareError(_("Draw the film first; it is printed and saved as it is shown."))
        return Path(film)

    def _printing(self) -> Sending:
        film, options = self._present(), self.options()
        kept = film.with_name("printed.pdf")  # what is drawn meanwhile must not get onto the film
        shutil.copyfile(film, kept)
        arguments = ["print", self.session.case.folder, "--what", "film", "--film", str(kept), "--film-size", options.size]
        arguments += ["--orientation", "LANDSCAPE" if options.landscape else "PORTRAIT"]
        question = _("The film names the patient. Print {count} films on {node}?")
        return Sending(arguments, question.replace("{count}", str(len(self._pages))))


def kind_texts() -> tuple[tuple[FilmKind, str], ...]:
    """Return the kinds of pictures and what they are called."""
    return (
        (FilmKind.VR, _("Heart in three dimensions (VR)")),
        (FilmKind.MIP, _("Arteries (MIP)")),
        (FilmKind.STRAIGHTENED, _("Straightened vessels (SPR)")),
        (FilmKind.CPR, _("Curved vessels (CPR)")),
        (FilmKind.PROBE, _("Cross-sections (probe)")),
        (FilmKind.TABLE, _("CAD-RADS and calcium")),
    )


def size_text(size: str) -> str:
    """Return a Film Size ID as people say it: ``14INX17IN`` as 14 × 17 in."""
    for unit, shown in (("IN", "in"), ("CM", "cm")):
        if unit in size:
            return f"{size.replace(unit, '').replace('_', '.').replace('X', ' × ')} {shown}"
    return size


def _drawn_film(result: Any, files: dict[str, Path], path: Path, options: FilmOptions, scans: Any) -> Any:
    """Write the film and return its pages as pictures; none where nothing is chosen. Touches neither Qt nor the scene."""
    from SenseCarePlanningLib.dicomio.read_study import read_study  # needs a package that Slicer lacks

    study = read_study(Path(scans[0])) if scans else None
    if not build_film(result, files, options=options):
        return ()
    write_coronary_film(result, files, path, study=study, options=options)
    return page_pictures(path, WIDTH_PX)
