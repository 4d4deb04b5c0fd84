"""How fast are the fly-through's frames, rendered in software at 640 x 640?

Along one route: the endoluminal picture alone, the whole video frame (target, rings, map, text), the processor time of
each, all threads together, and how fast frames are written with encoding. On a machine that does other work the wall time
says little, and half the processor time is what two free cores would need if the work divides. Ends with 1 where the
whole frame misses 30 frames a second at the 95th percentile.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "LungAirway"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from camera import painted, read_mask

from LungAirwayLib.camera_path import camera_path
from LungAirwayLib.flythrough import FlythroughFrames
from LungAirwayLib.instructions import instruct
from LungAirwayLib.plan import Plan, Route, Target
from LungAirwayLib.result import AirwayResult, EngineInfo, RunInfo
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.render.offscreen import rendering_available
from SenseCarePlanningLib.render.video import write_video
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.volume import LabelMap

WANTED_FPS = 30.0


def result_on(mask: LabelMap) -> AirwayResult:
    """Return a plan to the deepest tip, 10 mm past it, without a CT."""
    tree = build_tree(mask)
    tip = max(tree.tips, key=lambda branch: branch.generation)
    points, radii, _ = tree.path_points(tip.id)
    place = points[-1] + 10.0 * tip.direction
    route = Route(1, tree.path_to(tip.id), points, radii, points[-1], 0.0, 10.0, 1.0, 1.0, "to the tip")
    plan = Plan(Target(place, place[None], "point"), (route,), (), (), {1: instruct(route, tree)})
    surface = lumen_surface(mask, tree=tree)
    engine, run = EngineInfo("mask", "", ""), RunInfo({}, {}, {})
    return AirwayResult(mask, None, None, None, tree, surface, {}, plan, {}, engine, run)


def timed(draw: Callable[[float], object], times: np.ndarray) -> dict[str, float]:
    """Return milliseconds of wall and processor time: mean, median, 95th percentile, largest; and the rate at the 95th."""
    wall, processor = [], []
    for moment in times:
        start, started = time.perf_counter(), time.process_time()
        draw(float(moment))
        wall.append(1000.0 * (time.perf_counter() - start))
        processor.append(1000.0 * (time.process_time() - started))
    return {
        "frames": float(len(times)),
        "wall_mean_ms": float(np.mean(wall)),
        "wall_median_ms": float(np.median(wall)),
        "wall_p95_ms": float(np.percentile(wall, 95)),
        "wall_max_ms": float(np.max(wall)),
        "processor_mean_ms": float(np.mean(processor)),
        "processor_p95_ms": float(np.percentile(processor, 95)),
        "fps_at_p95": 1000.0 / float(np.percentile(wall, 95)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mask", type=Path, help="an airway mask; a digital patient when none is given")
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--fps", type=float, default=25.0, help="how densely the route is sampled")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    missing = rendering_available()
    if missing:
        print(missing, file=sys.stderr)
        return 1
    mask = read_mask(chosen.mask) if chosen.mask else painted(make_thorax(ThoraxOptions(seed=0, nodules=())).tree)
    result = result_on(mask)
    assert result.plan is not None
    path = camera_path(result.plan.routes[0], result.tree, result.airway)
    start = time.perf_counter()
    scene = FlythroughFrames(result, path, size=chosen.size)
    setup = time.perf_counter() - start
    times = np.arange(0.0, float(path.time_s[-1]), 1.0 / chosen.fps)
    for moment in times[:3]:
        scene.frame(float(moment))
    figures = {
        "view alone": timed(lambda moment: scene.view.frame(path.pose_at_time(moment)), times),
        "whole frame": timed(scene.frame, times),
    }
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        count = write_video((scene.frame(float(moment)) for moment in times), Path(folder) / "video.mp4", chosen.fps)
        written = count / (time.perf_counter() - start)
    scene.close()
    if chosen.json:
        facts = {"triangles": len(result.surface.triangles), "setup_s": setup, "load": load, "written_fps": written}
        print(json.dumps({**facts, **figures}, indent=1))
    else:
        print(f"{len(result.surface.triangles)} triangles, {chosen.size} x {chosen.size}, set up in {setup:.1f} s")
        for name, row in figures.items():
            print(
                f"{name:12s} wall mean {row['wall_mean_ms']:6.1f}  median {row['wall_median_ms']:6.1f}  "
                f"p95 {row['wall_p95_ms']:6.1f} ms = {row['fps_at_p95']:5.1f} frames/s  "
                f"| processor mean {row['processor_mean_ms']:6.1f}  p95 {row['processor_p95_ms']:6.1f} ms"
            )
        print(f"rendered and encoded: {written:.1f} frames/s; load of the machine meanwhile {load:.1f}")
    return 0 if figures["whole frame"]["fps_at_p95"] >= WANTED_FPS else 1


if __name__ == "__main__":
    sys.exit(main())
