"""Texts of the desktop in the user's language: Slicer's own translations first, then the project's catalogue.

Module files write ``from SenseCarePlanningWidgets.texts import tr as _``; Slicer's tools find ``_("...")`` as ever.
"""

from __future__ import annotations

import sys

import qt
import slicer
from slicer.i18n import getContext, translate

from SenseCarePlanningLib.i18n import LANGUAGES, Translator, translator

TRANSLATED_PROPERTIES = ("text", "title", "toolTip", "placeholderText", "windowTitle")
"""What a form shows to the user; ``.ui`` files come translated only where Slicer has a translation file for them."""


def language() -> str:
    """Return the project's language that is nearest to the one that Slicer shows: ``en`` or ``zh``."""
    code = str(slicer.app.applicationLocaleName)[:2].lower()
    return code if code in LANGUAGES else "en"


def words() -> Translator:
    """Return the project's catalogue in the user's language."""
    return translator(language())


def tr(text: str) -> str:
    """Translate a text of the calling file; ``{placeholders}`` are filled in afterwards."""
    found = str(translate(getContext(sys._getframe(1).f_code.co_filename), text))
    return found if found != text else words()(text)


def planning_category() -> str:
    """Return the category that all modules are listed under; one text, so that Slicer's menu shows one entry in any language."""
    planning = str(translate("qSlicerAbstractCoreModule", "Planning"))  # where Slicer's own categories are translated
    return planning if planning != "Planning" else words()("Planning")


def sentence(text: str) -> str:
    """Translate a sentence that a computation wrote, with the values in it: a step's name, a warning, an error."""
    catalogue = words()
    return catalogue.sentence(text, catalogue.sentence)


def translate_form(form: qt.QWidget) -> None:
    """Translate what a loaded ``.ui`` form shows and Slicer did not translate."""
    if language() == "en":
        return
    catalogue = words()
    for widget in (form, *form.findChildren("QWidget")):
        for name in TRANSLATED_PROPERTIES:
            shown = widget.property(name)
            if isinstance(shown, str) and shown and catalogue(shown) != shown:
                widget.setProperty(name, catalogue(shown))
        _translate_parts(widget, catalogue)


def _translate_parts(widget: qt.QWidget, catalogue: Translator) -> None:
    """Translate what is no property: a combo box's entries, a tab's title, a table's header."""
    if widget.inherits("QComboBox") and not widget.inherits("qMRMLNodeComboBox"):
        for at in range(widget.count):
            widget.setItemText(at, catalogue(widget.itemText(at)))
    if widget.inherits("QTabWidget"):
        for at in range(widget.count):
            widget.setTabText(at, catalogue(widget.tabText(at)))
    if widget.inherits("QTableWidget"):
        for at in range(widget.columnCount):
            item = widget.horizontalHeaderItem(at)
            if item:
                item.setText(catalogue(item.text()))
