"""A DICOM node of the hospital, such as an archive or a printer, in the panel: where it is, and the button that sends there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import qt
import slicer

from SenseCarePlanningLib.case_folder import DICOM_FILES
from SenseCarePlanningLib.dicomio.network import CALLING_AE, LONGEST_AE, Destination
from SenseCarePlanningLib.errors import InputError, SenseCareError

from . import dependency_installer
from .error_message import show_failure, shown_failures
from .process_runner import ProcessRunner, RunOutcome, planning_command
from .progress_box import ProgressBox
from .texts import tr as _

DEFAULT_PORT = 104


@dataclass(frozen=True)
class Sending:
    """What goes to a node.

    Parameters
    ----------
    arguments
        Our command and its arguments, without ``--to`` and ``--from``.
    question
        What the user has to say yes to, with ``{node}`` where the node is named.
    """

    arguments: Sequence[str]
    question: str


class NodeSender:
    """Fields for host, port and AE titles, kept in the settings, and a button that starts a command towards the node.

    The command is a child process. Nothing leaves the machine before the user has said yes to this node. Put :attr:`widget`
    into a layout.

    Parameters
    ----------
    setting
        Name under which the node is kept, such as ``Printer``.
    button_text, tip
        Of the button.
    make
        Returns what is sent; raises a ``SenseCareError`` with a sentence where there is nothing to send.
    """

    def __init__(self, setting: str, button_text: str, tip: str, make: Callable[[], Sending]) -> None:
        self._setting, self._make = f"SenseCarePlanning/Nodes/{setting}", make
        self.runner: ProcessRunner | None = None
        self.widget: Any = qt.QFrame()
        self.widget.objectName = f"node{setting}"
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        form = qt.QFormLayout()
        layout.addLayout(form)
        self.host_edit = self._edit(f"host{setting}", _("Name or address of the DICOM node."))
        self.port_box = qt.QSpinBox()
        self.port_box.minimum, self.port_box.maximum = 1, 65535
        self.port_box.objectName, self.port_box.toolTip = f"port{setting}", _("TCP port; 104 and 11112 are usual.")
        self.called_edit = self._edit(f"called{setting}", _("AE title of the node; whoever looks after it knows it."))
        self.calling_edit = self._edit(f"calling{setting}", _("AE title that we call ourselves; many nodes must know it."))
        for edit in (self.called_edit, self.calling_edit):
            edit.maxLength = LONGEST_AE
        form.addRow(_("Host:"), self.host_edit)
        form.addRow(_("Port:"), self.port_box)
        form.addRow(_("AE title:"), self.called_edit)
        form.addRow(_("Our AE title:"), self.calling_edit)
        self.button = qt.QPushButton(button_text)
        self.button.objectName, self.button.toolTip = f"send{setting}", tip
        self.button.connect("clicked()", self.send)
        layout.addWidget(self.button)
        self.progress_box = ProgressBox(self._cancel)
        layout.addWidget(self.progress_box.widget)
        self._read_settings()

    @staticmethod
    def _edit(name: str, tip: str) -> Any:
        edit = qt.QLineEdit()
        edit.objectName, edit.toolTip = name, tip
        return edit

    @property
    def busy(self) -> bool:
        """Whether something is on its way."""
        return self.runner is not None

    def destination(self) -> Destination:
        """Return the node.

        Raises
        ------
        InputError
            With all that is missing or not possible.
        """
        host, called = self.host_edit.text.strip(), self.called_edit.text.strip()
        if not host or not called:
            raise InputError(_("Enter host and AE title of the DICOM node first."))
        return Destination(host, int(self.port_box.value), called, self.calling_edit.text.strip() or CALLING_AE)

    def _read_settings(self) -> None:
        try:
            kept = json.loads(str(slicer.util.settingsValue(self._setting, "{}")))
        except ValueError:
            kept = {}
        kept = kept if isinstance(kept, dict) else {}
        self.host_edit.text = str(kept.get("host", ""))
        self.port_box.value = int(kept.get("port", DEFAULT_PORT))
        self.called_edit.text = str(kept.get("called", ""))
        self.calling_edit.text = str(kept.get("calling", CALLING_AE))

    def _keep(self, node: Destination) -> None:
        kept = {"host": node.host, "port": node.port, "called": node.called_ae, "calling": node.calling_ae}
        qt.QSettings().setValue(self._setting, json.dumps(kept))

    def send(self) -> None:
        """Ask, and start; a failure is a sentence."""
        if self.runner is not None:
            return
        with shown_failures():
            node = self.destination()
            self._keep(node)
            sending = self._make()
            if not slicer.util.confirmYesNoDisplay(sending.question.format(node=str(node))):
                raise SenseCareError(_("Nothing was sent."))
            dependency_installer.ensure("network")
            command = planning_command(*sending.arguments, "--to", str(node), "--from", node.calling_ae)
            box = self.progress_box
            box.start()
            self.button.enabled = False
            self.runner = ProcessRunner(command, box.show_progress, box.add_log, self._finished, stop_at_scene_close=False)
            self.runner.start()

    def _finished(self, outcome: RunOutcome) -> None:
        self.runner = None
        self.button.enabled = True
        if outcome.cancelled:
            outcome = replace(outcome, message=_("Stopped; what had arrived until then stays there."))
        self.progress_box.finish(outcome)
        if not outcome.ok and not outcome.cancelled:
            show_failure(outcome)

    def _cancel(self) -> None:
        if self.runner is not None:
            self.runner.cancel()

    def close(self) -> None:
        """End what is on its way: the module is unloaded."""
        if self.runner is not None:
            self.runner.stop_now()
            self.runner = None


def archive_sender(folder_of: Callable[[], Path | None]) -> NodeSender:
    """Return the fields and the button that send a result's DICOM files and pictures to an archive (PACS).

    Parameters
    ----------
    folder_of
        Returns the result's folder, or None.
    """

    def make() -> Sending:
        folder = folder_of()
        files = [] if folder is None else [name for name in DICOM_FILES if (folder / name).is_file()]
        if folder is None or not files:
            raise SenseCareError(
                _("This case holds no DICOM files: make the report first, of a scan that was loaded from DICOM.")
            )
        question = _("Report, measurements, segmentation and pictures of this case name the patient. Send them to {node}?")
        return Sending(("send", str(folder)), question)

    return NodeSender("Archive", _("Send"), _("Send the DICOM files and pictures of this case to an archive (PACS)."), make)
