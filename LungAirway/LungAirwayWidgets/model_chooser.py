"""Which network finds the airways: the models on this machine, or any MONAI bundle's folder. Shown for that engine only."""

from pathlib import Path
from typing import Any

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.installed import find_models
from SenseCarePlanningWidgets.error_message import shown_failures
from SenseCarePlanningWidgets.model_list import choose_model_folder, model_places
from SenseCarePlanningWidgets.texts import tr as _


class ModelChooser:
    """Fills the combo box of models, and keeps the choice.

    Parameters
    ----------
    ui
        The form's widgets.
    shipped
        Folder of the models that came with the module.
    on_choice
        Called with the chosen folder as text.
    """

    def __init__(self, ui: Any, shipped: Path, on_choice: Any) -> None:
        self.ui, self._shipped, self._on_choice = ui, shipped, on_choice
        self.folder = ""
        ui.modelComboBox.connect("currentIndexChanged(int)", self._on_index)
        ui.modelFolderButton.connect("clicked()", self.choose_folder)

    def show(self, folder: str, wanted: Any) -> None:
        """Show the chosen folder; hidden unless the network engine is wanted."""
        ui = self.ui
        for widget in (ui.modelLabel, ui.modelComboBox, ui.modelFolderButton):
            widget.visible = wanted
        self.folder = folder
        if wanted:
            self._fill()

    def _fill(self) -> None:
        box = self.ui.modelComboBox
        found = [(f"{one.title} {one.version}".strip(), str(one.folder)) for one in find_models(model_places([self._shipped]))]
        if self.folder and self.folder not in [folder for _title, folder in found]:
            found.append((Path(self.folder).name, self.folder))
        blocked = box.blockSignals(True)
        box.clear()
        for title, folder in found:
            box.addItem(title, folder)
        if not self.folder and found:
            self.folder = found[0][1]
        box.currentIndex = box.findData(self.folder) if self.folder else -1
        box.toolTip = self.folder or _("No model is on this machine; choose the folder of a MONAI bundle.")
        box.blockSignals(blocked)

    def _on_index(self, index: Any) -> None:
        folder = str(self.ui.modelComboBox.itemData(index) or "")
        if folder and folder != self.folder:
            self._choose(folder)

    def choose_folder(self) -> None:
        """Ask for the folder of a bundle."""
        with shown_failures():
            folder = choose_model_folder()
            if folder is not None:
                self._choose(str(folder))

    def _choose(self, folder: str) -> None:
        self.folder = folder
        self._fill()
        self._on_choice(folder)

    def needed(self) -> str:
        """Return the folder to run with.

        Raises
        ------
        InputError
            When there is none, or it is gone.
        """
        if not self.folder:
            raise InputError(_("No model is on this machine; choose the folder of a MONAI bundle."))
        if not Path(self.folder).is_dir():
            raise InputError(
                _("The model's folder {name} is no longer there; choose another one.").format(name=Path(self.folder).name)
            )
        return self.folder
