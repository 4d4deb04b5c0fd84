"""The ``desktop`` fixture: a stand-in for the Slicer desktop around each test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))


@contextmanager
def _running(folder: Path, with_window: bool) -> Iterator[object]:
    import in_slicer

    kind: Any = in_slicer.SlicerDesktop
    if not in_slicer.running():
        pytest.importorskip("slicer", reason="the slicer-core wheel is not installed")
        pytest.importorskip(
            "PySide6.QtWidgets", reason="PySide6, or a system library that it needs, is not installed", exc_type=ImportError
        )
        from standin.desktop import Desktop

        kind = Desktop
    # results go to the user's documents by default: each test is a user of its own
    home = folder / "home"
    home.mkdir()
    left: list[object] = []
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("HOME", str(home))
        started = kind(folder, with_window)
        try:
            yield started
        finally:
            left += started.stop()
    if left:
        pytest.fail("\n".join(f"[{fault.kind}] {fault.text}" for fault in left))


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[object]:
    """A started desktop; what it would only have printed (a slot's exception, an unknown signal, ...) fails the test."""
    with _running(tmp_path, with_window=True) as started:
        yield started


@pytest.fixture
def desktop_without_window(tmp_path: Path) -> Iterator[object]:
    """The same as ``Slicer --no-main-window``: no layout manager, no main window."""
    with _running(tmp_path, with_window=False) as started:
        yield started


@pytest.fixture(scope="session")
def airway_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the digital patient and its plan lie; a folder named by SENSECARE_TEST_AIRWAY is filled once and used again."""
    kept = os.environ.get("SENSECARE_TEST_AIRWAY")
    return Path(kept) if kept else tmp_path_factory.mktemp("airway")


@pytest.fixture(scope="session")
def airway_patient(airway_folder: Path) -> object:
    """A small digital patient with a nodule, see airway_patient.py."""
    from airway_patient import make_patient

    return make_patient(airway_folder / "patient")


@pytest.fixture(scope="session")
def airway_plan(airway_patient: object, airway_folder: Path) -> Path:
    """The result folder of the patient's plan; copy it before changing it."""
    from airway_patient import make_result

    return make_result(airway_patient, airway_folder / "plan")


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A small coronary result, see coronary_patient.py; copied before it is changed."""
    pytest.importorskip("slicer", reason="the slicer-core wheel is not installed")
    from coronary_patient import make_case

    return make_case(tmp_path_factory.mktemp("coronary") / "result")


@pytest.fixture
def panel(desktop: Any, kept: Any, tmp_path: Path) -> Any:
    """The CardiacCTA panel with the CT chosen."""
    import slicer
    from coronary_patient import add_ct

    slicer.app.settings().setValue("SenseCarePlanning/CasesFolder", str(tmp_path / "cases"))
    desktop.load_module("CardiacCTA")
    ct = add_ct(desktop.scene, kept)
    panel = desktop.show_module("CardiacCTA")
    assert panel.ui.inputSelector.currentNode() is ct
    return panel


@pytest.fixture
def shown(desktop: Any, panel: Any, kept: Any, tmp_path: Path) -> Any:
    """The CardiacCTA panel with a copy of the result shown, every section open."""
    from coronary_steps import settle

    folder = tmp_path / "cases" / "coronary-1" / "001"
    shutil.copytree(kept.folder, folder)
    panel.session.take_result(folder)
    for name in ("vessel", "along", "lesion", "calcium", "grade", "change", "report", "film"):
        getattr(panel.ui, f"{name}Section").collapsed = False
    settle(desktop, panel)
    assert panel.session.result is not None, panel.ui.statusLabel.text
    return panel
