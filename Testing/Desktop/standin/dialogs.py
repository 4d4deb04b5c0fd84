"""Modal dialogs in a test: each must be expected, else it is recorded as a fault and answered with Cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtWidgets

from .faults import RECORDER

EXPECTED: list[tuple[str, Any]] = []
"""Kind of dialog (class name, or ``QFileDialog.getOpenFileName`` and the like) and the answer, or a callable on the dialog."""
SHOWN: list[tuple[str, str]] = []
"""Kind and text of every dialog that was shown."""


def expect(kind: str, answer: Any) -> None:
    """Answer the next dialog of a kind with a value, or let a callable work on the open dialog."""
    EXPECTED.append((kind, answer))


def _answer(kind: str, text: str) -> tuple[bool, Any]:
    SHOWN.append((kind, text))
    for at, (wanted, answer) in enumerate(EXPECTED):
        if wanted == kind:
            del EXPECTED[at]
            return True, answer
    RECORDER.add("unexpected dialog", f"{kind}: {text}")
    return False, None


def run(raw: QtWidgets.QDialog) -> int:
    """Stand in for ``QDialog.exec``."""
    from .wrapping import wrap

    text = raw.text() if isinstance(raw, QtWidgets.QMessageBox) else raw.windowTitle()
    known, answer = _answer(type(raw).__name__.removeprefix("_shell_"), text)
    if not known:
        raw.reject()
        return 0
    if not callable(answer):
        return int(answer)
    QtCore.QTimer.singleShot(0, lambda: answer(wrap(raw)))
    return int(QtWidgets.QDialog.exec(raw))


def static(name: str, cancelled: Any) -> Callable[..., Any]:
    """Return a stand-in for a static dialog function such as ``QFileDialog.getOpenFileName``."""

    def asked(*args: Any) -> Any:
        known, answer = _answer(name, " | ".join(str(one) for one in args[1:3]))
        return answer if known else cancelled

    return asked


STATICS: dict[tuple[str, str], Callable[..., Any]] = {
    ("QFileDialog", "getOpenFileName"): static("QFileDialog.getOpenFileName", ""),
    ("QFileDialog", "getSaveFileName"): static("QFileDialog.getSaveFileName", ""),
    ("QFileDialog", "getExistingDirectory"): static("QFileDialog.getExistingDirectory", ""),
    ("QFileDialog", "getOpenFileNames"): static("QFileDialog.getOpenFileNames", ()),
    ("QInputDialog", "getText"): static("QInputDialog.getText", ""),
    ("QInputDialog", "getItem"): static("QInputDialog.getItem", ""),
    ("QInputDialog", "getInt"): static("QInputDialog.getInt", 0),
    ("QInputDialog", "getDouble"): static("QInputDialog.getDouble", 0.0),
    ("QMessageBox", "question"): static("QMessageBox.question", 0x10000),
    ("QMessageBox", "information"): static("QMessageBox.information", 0x400),
    ("QMessageBox", "warning"): static("QMessageBox.warning", 0x400),
    ("QMessageBox", "critical"): static("QMessageBox.critical", 0x400),
    ("QColorDialog", "getColor"): static("QColorDialog.getColor", None),
}
