"""Seconds and peak memory of the main job: a CT to plan, report and scene, without video, through the command line.

    python Testing/Benchmarks/main_job.py CT --target L,P,S [--runs N] [--video] [--json]

Memory is the resident memory of the command and its helper processes together, sampled ten times a second (Linux only).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def family_memory_mb(root_pid: int) -> float:
    """Return the resident memory of a process and all its descendants."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(folder.name)], pages[int(folder.name)] = int(fields[1]), int(fields[21])
    family = {root_pid}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(pages.get(pid, 0) for pid in family) * os.sysconf("SC_PAGE_SIZE") / 1e6


def run_once(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the job once and return seconds, memory and the seconds of each step."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        command = [sys.executable, str(ROOT / "SenseCarePlanning" / "SenseCarePlanningLib"), "airway", str(arguments.ct)]
        command += [f"--target={arguments.target}", f"--engine={arguments.engine}", "--out", str(out), "--json"]
        command += [] if arguments.video else ["--no-video"]
        start, peak = time.perf_counter(), 0.0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, family_memory_mb(process.pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            raise SystemExit(f"the job failed with exit code {process.returncode}")
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        return {"seconds": seconds, "peak_memory_mb": peak, "steps": {row["name"]: row["seconds"] for row in record["steps"]}}


def main() -> None:
    """Run the job several times and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ct", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--video", action="store_true")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    runs = [run_once(arguments) for _ in range(arguments.runs)]
    seconds = [float(str(run["seconds"])) for run in runs]
    memory = max(float(str(run["peak_memory_mb"])) for run in runs)
    summary = {"seconds_median": statistics.median(seconds), "seconds": seconds, "peak_memory_mb": memory, "load_before": load}
    if arguments.json:
        print(json.dumps({**summary, "steps": runs[-1]["steps"]}, indent=1))
        return
    print(f"{summary['seconds_median']:.1f} s (runs: {', '.join(f'{value:.1f}' for value in seconds)}; load before {load:.1f})")
    print(f"{memory:.0f} MB at the peak, helper processes included")
    steps = runs[-1]["steps"]
    assert isinstance(steps, dict)
    for name, value in steps.items():
        print(f"  {name:<40} {value:6.1f} s")


if __name__ == "__main__":
    main()
