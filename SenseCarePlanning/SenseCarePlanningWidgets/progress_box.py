"""The box that shows a running child process: step, bar, seconds, log, Cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ctk
import qt

from .error_message import sentence_of
from .process_runner import RunOutcome
from .texts import sentence
from .texts import tr as _

TICK_MS = 500
KEPT_LINES = 1000
LOG_HEIGHT = 140


class ProgressBox:
    """Shows how far a run is; hidden while there is nothing to show.

    Put :attr:`widget` into a layout and hand :meth:`show_progress`, :meth:`add_log` and :meth:`finish` to a ``ProcessRunner``.

    Parameters
    ----------
    on_cancel
        Called when the user presses Cancel.
    """

    def __init__(self, on_cancel: Callable[[], None] | None = None) -> None:
        self.on_cancel = on_cancel
        self.widget: Any = qt.QFrame()
        self.widget.objectName = "progressBox"
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        row = qt.QHBoxLayout()
        self.step_label = self._named(qt.QLabel(), "progressStepLabel")
        self.step_label.wordWrap = True
        self.step_label.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Preferred)
        self.seconds_label = self._named(qt.QLabel(), "progressSecondsLabel")
        self.seconds_label.setAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
        row.addWidget(self.step_label)
        row.addWidget(self.seconds_label)
        layout.addLayout(row)
        row = qt.QHBoxLayout()
        self.bar = self._named(qt.QProgressBar(), "progressBar")
        self.bar.minimum, self.bar.maximum = 0, 100
        self.cancel_button = self._named(qt.QPushButton(_("Cancel")), "progressCancelButton")
        self.cancel_button.toolTip = _("Stop the computation; nothing is kept of it.")
        self.cancel_button.connect("clicked()", self._on_cancel)
        row.addWidget(self.bar)
        row.addWidget(self.cancel_button)
        layout.addLayout(row)
        self.log_box = self._named(ctk.ctkCollapsibleGroupBox(), "progressLogBox")
        self.log_box.title = _("Log")
        inner = qt.QVBoxLayout(self.log_box)
        self.log_view = self._named(qt.QPlainTextEdit(), "progressLog")
        self.log_view.readOnly = True
        self.log_view.setMaximumBlockCount(KEPT_LINES)
        self.log_view.setFixedHeight(LOG_HEIGHT)
        inner.addWidget(self.log_view)
        layout.addWidget(self.log_box)
        self.log_box.collapsed = True
        self._timer = qt.QTimer(self.widget)
        self._timer.interval = TICK_MS
        self._timer.connect("timeout()", self._tick)
        self._started = self._step_started = 0.0
        self._step = ""
        self.widget.visible = False

    @staticmethod
    def _named(widget: Any, name: str) -> Any:
        widget.objectName = name
        return widget

    def start(self, title: str = "") -> None:
        """Show the box empty; the clock starts."""
        self._started = self._step_started = time.perf_counter()
        self._step = ""
        self.step_label.text = title or _("Starting ...")
        self.seconds_label.text = ""
        self.bar.value = 0
        self.bar.visible = self.cancel_button.visible = self.cancel_button.enabled = True
        self.log_view.setPlainText("")
        self.log_box.collapsed = True
        self.widget.visible = True
        self._timer.start()

    def show_progress(self, step: str, fraction: float) -> None:
        """Show a step, as the computation names it, and how far it is (0 to 1)."""
        now = time.perf_counter()
        if step != self._step:
            self._step, self._step_started = step, now
        if self.cancel_button.enabled:
            self.step_label.text = sentence(step)
        self.bar.value = round(100 * min(max(fraction, 0.0), 1.0))
        if fraction >= 1.0:
            self.add_log(
                _("{step}: {seconds} s").format(step=sentence(step), seconds=f"{max(now - self._step_started, 0.0):.1f}")
            )
        self._tick()

    def add_log(self, text: str) -> None:
        """Add a line to the log."""
        self.log_view.appendPlainText(sentence(text))

    def finish(self, outcome: RunOutcome) -> None:
        """Show how it ended; the log stays for reading."""
        self._timer.stop()
        self.bar.visible = self.cancel_button.visible = False
        self.seconds_label.text = self._elapsed(outcome.seconds)
        self.step_label.text = _("Done.") if outcome.ok else sentence_of(outcome)
        for problem in outcome.problems:
            self.add_log(problem)
        self.log_box.collapsed = not outcome.problems

    def hide(self) -> None:
        """Hide the box: the scene was closed, or the result is shown elsewhere."""
        self._timer.stop()
        self.widget.visible = False

    def _on_cancel(self) -> None:
        self.cancel_button.enabled = False
        self.step_label.text = _("Stopping ...")
        if self.on_cancel is not None:
            self.on_cancel()

    def _tick(self) -> None:
        self.seconds_label.text = self._elapsed(time.perf_counter() - self._started)

    @staticmethod
    def _elapsed(seconds: float) -> str:
        whole = int(seconds)
        return f"{whole // 60}:{whole % 60:02d}"
