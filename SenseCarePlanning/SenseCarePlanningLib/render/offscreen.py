"""Rendering without a screen: asks once whether it works, in a process of its own, then draws into arrays."""

from __future__ import annotations

import functools
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import vtkmodules.vtkRenderingOpenGL2 as opengl
from numpy.typing import ArrayLike, NDArray
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

from ..errors import SenseCareError
from ..memory import give_memory_back

logger = logging.getLogger(__name__)

RgbImage = NDArray[np.uint8]
"""(H, W, 3), first row at the top."""

PROBE_TIMEOUT_S = 120.0
"""A cold VTK import on a slow disk takes tens of seconds; past this the driver hangs."""

_NO_LINUX = (
    "Pictures and video are left out because this machine cannot render off screen: "
    "install the Debian packages libegl1, libgl1 and libgl1-mesa-dri, or their equivalents, and run again."
)
_NO_OTHER = (
    "Pictures and video are left out because this machine has no working OpenGL driver: install or update the graphics driver."
)

_PROBE = """
import sys
sys.path.insert(0, {root!r})
from SenseCarePlanningLib.render.offscreen import OffscreenRenderer
with OffscreenRenderer(16, 16, background=(0.0, 1.0, 0.0)) as renderer:
    image = renderer.render()
sys.exit(0 if image[8, 8, 1] > 200 else 3)
"""


def _python() -> str | None:
    """Return the interpreter to probe with; None inside an application that is not one (Slicer's desktop)."""
    return sys.executable if "python" in Path(sys.executable or "").name.lower() else None


@functools.lru_cache(maxsize=1)
def rendering_available() -> str | None:
    """Tell whether pictures can be rendered here.

    VTK ends the whole process where it finds neither EGL nor OSMesa nor a screen, so the first call tries in a
    child process; the answer is kept.

    Returns
    -------
    str or None
        None when rendering works, else one sentence that names what to install.
    """
    interpreter = _python()
    if interpreter is None:
        return None
    root = str(Path(__file__).resolve().parents[2])
    try:
        done = subprocess.run(
            [interpreter, "-c", _PROBE.format(root=root)],
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.info("the off-screen rendering probe did not finish: %s", type(error).__name__)
    else:
        if done.returncode == 0:
            return None
        logger.info("the off-screen rendering probe ended with code %d", done.returncode)
    return _NO_LINUX if sys.platform.startswith("linux") else _NO_OTHER


def _new_window() -> Any:
    """Return a render window that needs no screen; VTK's own choice where a screen is there."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY") and hasattr(opengl, "vtkEGLRenderWindow"):
        return opengl.vtkEGLRenderWindow()
    return vtkRenderWindow()


class OffscreenRenderer:
    """One off-screen window with one scene, drawn into arrays as often as wanted.

    Ask :func:`rendering_available` first. Multi-sampling and depth peeling are off: the software rasteriser pays for
    them dearly.

    Parameters
    ----------
    width, height
        Size of the picture in pixels, at least 1.
    background
        RGB, 0 to 1.

    Raises
    ------
    ValueError
        When the size is not positive.
    """

    def __init__(self, width: int, height: int, *, background: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"a picture needs at least one pixel, got {width} x {height}")
        self.width, self.height = int(width), int(height)
        self.renderer = vtkRenderer()
        self.renderer.SetBackground(*background)
        self.window = _new_window()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(self.width, self.height)
        self.window.AddRenderer(self.renderer)
        self._pixels = vtkUnsignedCharArray()

    def __enter__(self) -> OffscreenRenderer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def add(self, actor: Any) -> None:
        """Add a vtkProp to the scene."""
        self.renderer.AddViewProp(actor)

    def remove(self, actor: Any) -> None:
        """Take a vtkProp out of the scene."""
        self.renderer.RemoveViewProp(actor)

    def clear(self) -> None:
        """Take everything out of the scene."""
        self.renderer.RemoveAllViewProps()

    def set_background(self, colour: tuple[float, float, float]) -> None:
        """Set the background colour, RGB 0 to 1."""
        self.renderer.SetBackground(*colour)

    def look(
        self,
        position_lps_mm: ArrayLike,
        focal_lps_mm: ArrayLike,
        up: ArrayLike,
        *,
        view_angle_deg: float = 30.0,
        parallel_height_mm: float | None = None,
        clipping_mm: tuple[float, float] | None = None,
    ) -> None:
        """Place the camera.

        Parameters
        ----------
        position_lps_mm, focal_lps_mm, up
            (3,) eye, point looked at, and what is up.
        view_angle_deg
            Vertical field of view of a perspective picture.
        parallel_height_mm
            Height of the scene in an orthographic picture; None for perspective.
        clipping_mm
            Near and far plane; None fits them to the scene.
        """
        camera = self.renderer.GetActiveCamera()
        camera.SetPosition(*np.asarray(position_lps_mm, dtype=np.float64))
        camera.SetFocalPoint(*np.asarray(focal_lps_mm, dtype=np.float64))
        camera.SetViewUp(*np.asarray(up, dtype=np.float64))
        camera.SetParallelProjection(parallel_height_mm is not None)
        if parallel_height_mm is not None:
            camera.SetParallelScale(parallel_height_mm / 2.0)
        else:
            camera.SetViewAngle(view_angle_deg)
        if clipping_mm is None:
            self.renderer.ResetCameraClippingRange()
        else:
            camera.SetClippingRange(*clipping_mm)

    def render(self) -> RgbImage:
        """Draw the scene.

        Returns
        -------
        array
            (H, W, 3) uint8, first row at the top; a copy.

        Raises
        ------
        SenseCareError
            When the driver gives no picture.
        """
        return np.ascontiguousarray(self.drawn())

    def drawn(self) -> RgbImage:
        """Draw the scene and return the picture where it lies: valid until the next one is drawn, for readers in a hurry.

        Returns
        -------
        array
            (H, W, 3) uint8, first row at the top; a view.

        Raises
        ------
        SenseCareError
            When the driver gives no picture.
        """
        self.window.Render()
        self.window.GetPixelData(0, 0, self.width - 1, self.height - 1, 0, self._pixels, 0)
        flat = vtk_to_numpy(self._pixels)
        if flat.size != self.width * self.height * 3:
            raise SenseCareError("The picture could not be rendered on this machine.", f"{flat.size} bytes came back")
        return np.asarray(flat.reshape(self.height, self.width, 3)[::-1])

    def close(self) -> None:
        """Give the graphics memory back."""
        self.clear()
        self.window.Finalize()
        give_memory_back()
