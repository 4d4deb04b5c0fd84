"""``slicer.i18n`` with a language that a test can switch."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

_state: dict[str, object] = {"language": "en", "catalogue": None}


def set_language(language: str, catalogue: Callable[[str, str], str] | None = None) -> None:
    """Choose a language; the catalogue gives the translation of (context, text), or the text itself."""
    _state.update(language=language, catalogue=catalogue)


def language() -> str:
    """Return the language code."""
    return str(_state["language"])


def translate(context: str, text: str) -> str:
    """Return the translation of a text, checking that the placeholders are kept."""
    catalogue = _state["catalogue"]
    if catalogue is None:
        return text
    found = catalogue(context, text)  # type: ignore[operator]
    if sorted(re.findall(r"{.*?}", found)) != sorted(re.findall(r"{.*?}", text)):
        return text
    return str(found)


def getContext(sourceFile: str) -> str:
    """Return the translation context of a file: its name without suffix, with its package."""
    path = Path(sourceFile)
    package = path.parent.name if (path.parent / "__init__.py").is_file() else ""
    return f"{package}.{path.stem}".lstrip(".")


def tr(text: str) -> str:
    """Translate with the caller's file as context."""
    return translate(getContext(inspect.stack()[1].filename), text)
