"""How long one rotation step of each reformat takes (CPU time), and how far pixels miss their place on curves of known shape.

*thin* and the slabs are the bare picture, *dragged* a slab of 5 mm sampled coarsely as while a mouse moves, *drawn* a thin one
with both walls, centreline, a lesion, segments and probes drawn on it: what a viewer shows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))

from SenseCarePlanningLib.render.vessel_picture import (
    LUMEN,
    OUTER,
    DrawnWall,
    Probe,
    Stretch,
    VesselStyle,
    prepare_drawing,
    vessel_picture,
)
from SenseCarePlanningLib.tubes.reformat import Reformatter, Slab
from SenseCarePlanningLib.tubes.sheets import CurvedSheet, projected, straightened, stretched
from SenseCarePlanningLib.tubes.tube_line import TubeLine
from SenseCarePlanningLib.tubes.wall_lines import TubeWall
from SenseCarePlanningLib.volume import Volume

KINDS: dict[str, Callable[[TubeLine, float], CurvedSheet]] = {
    "straightened": lambda line, angle: straightened(line, angle, 24.0, 0.2),
    "stretched": lambda line, angle: stretched(line, angle, 15.0, 0.25),
    "projected": lambda line, angle: projected(line, angle, 15.0, 0.25),
}
TEXT_PX = 14


def vessel() -> np.ndarray:
    """A vessel of 150 mm about a heart: a bow of 100 mm with a wave on it."""
    turn = np.linspace(0.0, np.radians(130.0), 3000)
    bow = np.stack([60.0 * np.sin(turn), 12.0 * np.sin(2.0 * turn), -60.0 * (1.0 - np.cos(turn))], axis=1)
    return bow + 1.5 * np.stack([np.sin(9.0 * turn), np.cos(7.0 * turn), np.sin(8.0 * turn)], axis=1)


def scan(seed: int = 1) -> Volume:
    """Noise of a coronary scan's size: 512 x 512 x 320 voxels of 0.39 x 0.39 x 0.45 mm."""
    affine = np.diag([0.39, 0.39, 0.45, 1.0])
    affine[:3, 3] = (-70.0, -100.0, -125.0)
    values = np.random.default_rng(seed).normal(100.0, 120.0, (320, 512, 512)).astype(np.int16)
    return Volume(values, affine)


def timings(steps: int) -> None:
    """Print milliseconds of CPU for preparing a vessel and for each rotation step."""
    line = TubeLine.through(vessel())
    volume = scan()
    started = time.process_time()
    reformatter = Reformatter.around(volume, line)
    prepare_drawing(TEXT_PX)
    print(f"vessel of {line.length_mm:.0f} mm, prepared once: {1000 * (time.process_time() - started):.0f} ms")
    radius = np.full((len(line.arc_mm), 72), 1.6)
    wall, outer = (TubeWall(line, np.zeros((len(line.arc_mm), 2)), radius + more) for more in (0.0, 0.5))
    titles = ("pixels", "thin", "slab 1 mm", "slab 5 mm", "dragged", "drawn")
    print(f"{'':14s}" + "".join(f"{title:>{14 if title == 'pixels' else 10}s}" for title in titles) + "   (ms, mean and most)")
    for name, make in KINDS.items():
        angles = np.arange(steps) * (360.0 / steps)
        sheet = make(line, 0.0)
        cells = []
        for thickness, stride in ((0.0, 1), (1.0, 1), (5.0, 1), (5.0, 2)):
            spent = []
            for angle in angles:
                started = time.process_time()
                reformatter.cut(make(line, float(angle)), thickness, Slab.MIP, stride)
                spent.append(1000 * (time.process_time() - started))
            cells.append(f"{np.mean(spent):5.0f} {np.max(spent):4.0f}")
        style = VesselStyle(
            walls=(DrawnWall(outer, OUTER), DrawnWall(wall, LUMEN)),
            stretches=(Stretch(40.0, 50.0, 44.0, ("L1  55 %", "(48-61)"), (255, 112, 67)),),
            divisions=((0.0, "LM"), (15.0, "pLAD"), (40.0, "mLAD"), (90.0, "dLAD")),
            probes=(Probe(38.0, "A"), Probe(44.0, "B"), Probe(52.0, "C")),
            text_px=TEXT_PX,
        )
        spent = []
        for angle in angles:
            started = time.process_time()
            vessel_picture(reformatter.cut(make(line, float(angle))), style)
            spent.append(1000 * (time.process_time() - started))
        cells.append(f"{np.mean(spent):5.0f} {np.max(spent):4.0f}")
        print(f"{name:14s}{sheet.columns:>8d} x {sheet.rows:<4d}" + "".join(f"{cell:>10s}" for cell in cells))


def errors() -> None:
    """Print how far pixels of a straightened bow lie from where geometry says, by the bow's radius and the line's sampling."""
    print("\nstraightened bow, pixels to 6 mm beside the vessel: greatest distance from the true place (mm)")
    print(f"{'radius mm':>10s}" + "".join(f"{f'step {step} mm':>14s}" for step in (0.1, 0.25, 0.4)))
    for radius in (2.0, 3.0, 5.0, 10.0, 30.0):
        turn = np.radians(np.linspace(0.0, 120.0, 20000))
        curve = radius * np.stack([1.0 - np.cos(turn), 0.0 * turn, -np.sin(turn)], axis=1)
        cells = []
        for step in (0.1, 0.25, 0.4):
            sheet = straightened(TubeLine.through(curve, 0.0, step), 90.0, 12.0)
            pixels = np.random.default_rng(0).uniform([0, 0], [sheet.columns, sheet.rows - 1], (5000, 2))
            angle = pixels[:, 1] * sheet.pixel_mm / radius
            # "left" in the plane of the bend points away from its middle or towards it
            outward = np.stack([-np.cos(angle), 0 * angle, -np.sin(angle)], axis=1)
            across = (pixels[:, :1] * sheet.pixel_mm - 6.0) * np.sign(sheet.line.frames[0, 2] @ [-1.0, 0.0, 0.0])
            true = np.array([radius, 0.0, 0.0]) + (radius + across) * outward
            cells.append(float(np.linalg.norm(sheet.to_lps(pixels) - true, axis=1).max()))
        print(f"{radius:10.0f}" + "".join(f"{cell:14.4f}" for cell in cells))


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24, help="rotation steps of a full turn (default 24)")
    timings(parser.parse_args().steps)
    errors()


if __name__ == "__main__":
    main()
