"""The table of segmentation models on this machine: folder, licence, size; adding, opening and deleting them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import qt
import slicer

from SenseCarePlanningLib.errors import InputError, SenseCareError
from SenseCarePlanningLib.inference.installed import METADATA, InstalledModel, describe_model, find_models, folder_size

from .error_message import shown_failures
from .texts import tr as _

PLACES_SETTING = "SenseCarePlanning/ModelFolders"
MEGABYTE = 1024.0**2


def own_folder() -> Path:
    """Return the folder of downloaded models: beside Slicer's settings, so that it outlives an extension's update."""
    return Path(slicer.app.slicerUserSettingsFilePath).parent / "SenseCarePlanning" / "Models"


def added_folders() -> list[Path]:
    """Return the models that the user pointed at."""
    try:
        listed = json.loads(str(slicer.util.settingsValue(PLACES_SETTING, "[]")))
    except ValueError:
        listed = []
    return [Path(one) for one in listed if isinstance(one, str)]


def totalsegmentator_folder() -> Path:
    """Return where TotalSegmentator keeps its weights."""
    own = os.environ.get("TOTALSEG_WEIGHTS_PATH")
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return Path(own) if own else (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


def model_places(shipped: list[Path]) -> list[Path]:
    """Return where models may lie: with the modules, in the own folder, and where the user pointed."""
    return [*shipped, own_folder(), *added_folders()]


def choose_model_folder() -> Path | None:
    """Ask for the folder of a MONAI bundle, and remember it; None when the user chose none.

    Raises
    ------
    InputError
        When the folder is no bundle.
    """
    chosen = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Choose the folder of a MONAI bundle"), "")
    if not chosen:
        return None
    folder = Path(chosen)
    if not (folder / METADATA).is_file():
        raise InputError(_("The folder {name} is no MONAI bundle: it has no configs/metadata.json.").format(name=folder.name))
    kept = [folder, *(one for one in added_folders() if one != folder)]
    qt.QSettings().setValue(PLACES_SETTING, json.dumps([str(one) for one in kept]))
    return folder


class ModelList:
    """Fills a ``QTableWidget`` with the models.

    Parameters
    ----------
    table
        Gets four columns: model, licence, size, folder.
    shipped
        Folders of models that came with the extension; they are not deleted.
    """

    def __init__(self, table: Any, shipped: list[Path]) -> None:
        self.table = table
        self._shipped = shipped
        self.models: list[InstalledModel] = []
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Model"), _("Licence"), _("Size"), _("Folder")])
        table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        table.verticalHeader().visible = False
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)

    def refresh(self) -> None:
        """Read the folders again."""
        self.models = find_models(model_places(self._shipped))
        weights = totalsegmentator_folder()
        if weights.is_dir() and any(weights.iterdir()):
            self.models.append(
                InstalledModel("TotalSegmentator", weights, "TotalSegmentator", "", "Apache-2.0", "", folder_size(weights))
            )
        self.table.visible = bool(self.models)
        self.table.setRowCount(len(self.models))
        for row, model in enumerate(self.models):
            title = f"{model.title} {model.version}".strip()
            size = _("{size} MB").format(size=f"{model.size_bytes / MEGABYTE:.1f}")
            licence = model.licence or _("not stated")
            for column, text in enumerate((title, licence, size, model.folder.name)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(model.intended_use if column == 0 and model.intended_use else str(model.folder))
                self.table.setItem(row, column, item)

    def current(self) -> InstalledModel | None:
        """Return the chosen model."""
        row = self.table.currentRow()
        return self.models[row] if 0 <= row < len(self.models) and self.table.selectedItems() else None

    def is_shipped(self, model: InstalledModel) -> bool:
        """Tell whether a model came with the extension."""
        return any(place == model.folder or place in model.folder.parents for place in self._shipped)

    def add(self) -> None:
        """Ask for a model's folder and list it from now on; it stays where it is."""
        with shown_failures():
            folder = choose_model_folder()
            if folder is not None:
                describe_model(folder)
                self.refresh()

    def open_folder(self) -> None:
        """Show the chosen model's files, or the folder for models."""
        model = self.current()
        folder = model.folder if model is not None else own_folder()
        folder.mkdir(parents=True, exist_ok=True)
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))

    def delete(self) -> bool:
        """Delete the chosen model from this computer, after a yes; True when it is gone."""
        with shown_failures():
            model = self.current()
            if model is None:
                return False
            if self.is_shipped(model):
                raise SenseCareError(_("This model came with the extension; it goes when the extension is uninstalled."))
            question = _("Delete {title} ({size} MB) from this computer?\n\n{folder}").format(
                title=model.title, size=f"{model.size_bytes / MEGABYTE:.1f}", folder=model.folder
            )
            if not slicer.util.confirmYesNoDisplay(question, windowTitle=_("Delete model")):
                return False
            shutil.rmtree(model.folder)
            kept = [str(one) for one in added_folders() if one != model.folder]
            qt.QSettings().setValue(PLACES_SETTING, json.dumps(kept))
            self.refresh()
            return True
        return False
