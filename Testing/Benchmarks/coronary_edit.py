"""How long a drag of a wall takes until stenosis, plaque, grade and CAD-RADS have followed (CPU time), on a vessel of 150 mm.

The patient has this vessel and two shorter ones with lesions of their own, so that the patient's sums are real ones. Each drag
puts one anchor more on the vessel, up to twelve, on lumen edge or outer wall in turn.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Unit"))

from coronary_results import one_lesion
from coronary_tube import TubeSpec, make_tube

from CardiacCTALib.branching import Bifurcation
from CardiacCTALib.edited_result import VesselDrag
from CardiacCTALib.measurements import lesion_measurements
from CardiacCTALib.patient_findings import lesions_of
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.scan_model import measure_scan
from CardiacCTALib.vessel_edit import Wall
from CardiacCTALib.vessel_editor import remeasure
from CardiacCTALib.vessel_result import measure_vessels
from CardiacCTALib.vessels import Stretch, Vessel
from SenseCarePlanningLib.tubes.line_edit import LinePoint
from SenseCarePlanningLib.tubes.wall_edit import Anchor
from SenseCarePlanningLib.volume import Volume

ANCHORS = 12


def long_vessel(calcium: bool) -> tuple[CoronaryResult, Volume]:
    """A patient whose LAD is 150 mm long; the other vessels are those of the small test patient."""
    small, _ = one_lesion()
    spec = TubeSpec(
        length_mm=150.0, bend_mm=60.0, start_mm=3.6, end_mm=2.0, lesion_at_mm=40.0, remodelling=1.2, voxel_mm=0.45, seed=3,
        calcium_hu=900.0 if calcium else None,
    )  # fmt: skip
    tube = make_tube(spec)
    scan = measure_scan(tube.volume, tube.aorta_kji)
    stretches = (Stretch("pLAD", 0.0, 45.0), Stretch("mLAD", 45.0, 90.0), Stretch("dLAD", 90.0, 150.0))
    forks = (Bifurcation(45.0, 3.2, 2.0), Bifurcation(90.0, 2.6, 1.6))
    line = tube.points_lps_mm
    vessel = Vessel("LAD", 0, (0,), line, np.full(len(line), 1.5), stretches, forks, 0.0)
    lad = measure_vessels(tube.volume, (vessel,), scan)[0]
    others = tuple(replace(small.vessel("LAD"), vessel=replace(small.vessel("LAD").vessel, name=name, stretches=(
        Stretch(code, 0.0, 32.0),))) for name, code in (("LCx", "pLCx"), ("RCA", "pRCA")))  # fmt: skip
    vessels = (lad, *others, small.vessel("D1"))
    lesions = lesions_of(vessels)
    named = {one.vessel.name: one for one in vessels}
    numbers = tuple(lesion_measurements(named[one.vessel], one.number) for one in lesions)
    return replace(small, scan=scan, vessels=vessels, lesions=lesions, lesion_measurements=numbers), tube.volume


def drags(result: CoronaryResult, count: int) -> list[float]:
    """Return milliseconds of CPU from a drag's new radius to the result, for ``count`` drags."""
    random = np.random.default_rng(0)
    started = time.process_time()
    drag = VesselDrag.of(result, "LAD")
    print(f"prepared once: {1000 * (time.process_time() - started):.0f} ms")
    spent, edit = [], drag.start
    for number in range(count):
        if number % ANCHORS == 0:
            edit = drag.start
        place = 40.0 + float(random.uniform(-8.0, 8.0))
        angle = float(random.uniform(0.0, 360.0))
        wall = (Wall.LUMEN, Wall.OUTER)[number % 2]
        radius = drag.editor.radius_mm(edit, wall, place, angle) + float(random.uniform(0.0, 0.3)) * (1 if number % 2 else -1)
        started = time.process_time()
        edit = drag.move(edit, wall, Anchor(place, angle, max(radius, 0.1)))
        drag.result(edit)
        spent.append(1000 * (time.process_time() - started))
    return spent


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drags", type=int, default=48, help="drags a vessel (default 48)")
    count = parser.parse_args().drags
    for calcium in (False, True):
        result, volume = long_vessel(calcium)
        vessel = result.vessel("LAD")
        found = f"{len(vessel.measured.walls.arc_mm)} sections, {len(vessel.lesions)} lesions" if vessel.measured else ""
        print(f"\n{vessel.vessel.length_mm:.0f} mm {'with calcium' if calcium else 'without calcium'}: {found}")
        spent = drags(result, count)
        print(f"drag: mean {np.mean(spent):.0f} ms, most {np.max(spent):.0f} ms of {count}")
        point = vessel.vessel.points_lps_mm[len(vessel.vessel.points_lps_mm) // 3] + 0.3
        started = time.process_time()
        remeasure(vessel, (LinePoint(50.0, (float(point[0]), float(point[1]), float(point[2]))),), volume, result.scan)  # type: ignore[arg-type]
        print(f"line moved and measured again: {time.process_time() - started:.1f} s")


if __name__ == "__main__":
    main()
