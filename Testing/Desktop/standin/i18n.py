"""``slicer.i18n`` over Qt's own translators, and the language that a test switches."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

from PySide6 import QtCore

_INSTALLED: list[QtCore.QTranslator] = []


class _Catalogue(QtCore.QTranslator):
    """Translates by a function of context and text."""

    def __init__(self, look_up: Callable[[str, str], str]) -> None:
        super().__init__()
        self._look_up = look_up

    def translate(self, context: str, text: str, comment: str | None = None, n: int = -1) -> str:
        found = self._look_up(context, text)
        return found if found != text else ""

    def isEmpty(self) -> bool:
        return False


def set_translators(translators: list[QtCore.QTranslator]) -> None:
    """Replace the installed translators."""
    application = QtCore.QCoreApplication.instance()
    for one in _INSTALLED:
        application.removeTranslator(one)
    _INSTALLED[:] = translators
    for one in translators:
        application.installTranslator(one)


def catalogue(look_up: Callable[[str, str], str]) -> QtCore.QTranslator:
    """Return a translator made of a function."""
    return _Catalogue(look_up)


def files(folder: Path, code: str) -> list[QtCore.QTranslator]:
    """Return the translators of the ``*_<code>.qm`` files in a folder."""
    found = []
    for path in sorted(folder.glob(f"*_{code}.qm")):
        translator = QtCore.QTranslator()
        if translator.load(str(path)):
            found.append(translator)
    return found


def translate(context: str, text: str) -> str:
    """Return the translation of a text, unless it lost a placeholder."""
    found = QtCore.QCoreApplication.translate(context, text)
    return found if sorted(re.findall(r"{.*?}", found)) == sorted(re.findall(r"{.*?}", text)) else text


def getContext(sourceFile: str) -> str:
    """Return the translation context of a file: its name, after the names of the packages it lies in."""
    path = Path(sourceFile)
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def tr(text: str) -> str:
    """Translate with the caller's file as context."""
    return translate(getContext(inspect.stack()[1].filename), text)
