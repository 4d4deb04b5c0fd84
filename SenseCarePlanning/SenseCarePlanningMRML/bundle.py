"""A scene as one .mrb file, whole or not at all."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

import vtk

from SenseCarePlanningLib.errors import InputError, SenseCareError

from .scene import new_scene

logger = logging.getLogger(__name__)


def save_mrb(scene: Any, path: Path | str) -> Path:
    """Write the scene with all its data as a .mrb bundle.

    Raises
    ------
    SenseCareError
        When MRML could not write it; nothing is left behind.
    """
    target = Path(path).resolve()
    start = time.perf_counter()
    _compress_quickly(scene)
    with TemporaryDirectory(dir=target.parent, prefix=".scene-") as folder:
        written = Path(folder) / target.name
        with _captured_messages() as heard:
            done = bool(scene.WriteToMRB(str(written)))
        if not done or not written.is_file():
            raise SenseCareError("The Slicer scene could not be written; check free disk space.", str(heard.GetOutput())[-2000:])
        os.replace(written, target)
    logger.info("scene saved in %.1f s", time.perf_counter() - start)
    return target


def _compress_quickly(scene: Any) -> None:
    """Ask every node that stores a big image for fast compression: a plan is saved while the user waits."""
    for kind in ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"):
        nodes = scene.GetNodesByClass(kind)
        for at in range(nodes.GetNumberOfItems()):
            node = nodes.GetItemAsObject(at)
            node.AddDefaultStorageNode()
            node.GetStorageNode().SetUseCompression(True)
            node.GetStorageNode().SetCompressionParameter("gzip_fastest")


def load_mrb(path: Path | str) -> Any:
    """Read a .mrb bundle into a new scene.

    Raises
    ------
    InputError
        When the file is not a bundle that MRML can read.
    """
    source = Path(path).resolve()
    if not source.is_file():
        raise InputError("The Slicer scene does not exist.", [source.name])
    scene = new_scene()
    with TemporaryDirectory(prefix="scene-") as folder:
        try:
            with ZipFile(source) as archive:
                archive.extractall(folder)
        except BadZipFile as error:
            raise InputError("The file is not a Slicer scene.", [f"{source.name}: {error}"]) from error
        documents = sorted(Path(folder).rglob("*.mrml"))
        if not documents:
            raise InputError("The file is not a Slicer scene.", [f"{source.name}: no .mrml inside"])
        scene.SetURL(str(documents[0]))
        if not scene.Import():
            raise InputError("The file is not a Slicer scene that can be read.", [source.name])
    return scene


@contextmanager
def _captured_messages() -> Iterator[Any]:
    """Catch what MRML prints (a line for every file that it packs); what it said is ``GetOutput`` of the yielded object."""
    before = vtk.vtkOutputWindow.GetInstance()
    heard = vtk.vtkStringOutputWindow()
    vtk.vtkOutputWindow.SetInstance(heard)
    try:
        yield heard
    finally:
        vtk.vtkOutputWindow.SetInstance(before)
