"""Damaged and odd inputs: each must give the right volume or a clear refusal.

Usage: python Testing/Benchmarks/bad_input.py [--json] [--only TEXT] [--cli N] [--show]

Every input is loaded in a process of its own. An answer counts as right when the volume equals the truth voxel for voxel (1 HU
of rounding) at its place; as a refusal when ``InputError`` came with a message; anything else is a failure: another volume, a
traceback, a crash, a hang. Some inputs must be read and some must be refused, and there the other answer is a failure, too.
``--cli N`` also runs every N-th input through the command line and expects exit code 2 where the library refused.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / part) for part in ("SenseCarePlanning", "LungAirway")]

from bad_input_cases import STUDY, Base, Case, Made, all_cases, digital_chest

from SenseCarePlanningLib.dicomio.load import load_image
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import Volume

SECONDS = 120.0

# A difference that the image's own noise (20 HU) hides: no reader can tell such a file from a whole one, for DICOM and
# lossy or lossless streams carry no checksum. It is counted apart.
HIDDEN_RMS_HU = 20.0
HIDDEN_MAXIMUM_HU = 100.0
HIDDEN = "altered below noise"
FAILURES = ("WRONG VOLUME", "TRACEBACK", "CRASH", "HANG", "READ BUT MUST BE REFUSED", "REFUSED BUT MUST BE READ")


def compare(volume: Volume, truth: Volume, partial: bool) -> str:
    """Return "" when a volume equals the truth, or what differs."""
    offset = truth.grid.ijk_from_lps(volume.affine_ijk_to_lps[:3, 3])
    axes = np.abs(volume.affine_ijk_to_lps[:3, :3] - truth.affine_ijk_to_lps[:3, :3]).max()
    # Positions rounded to 0.1 mm put the fitted grid off by as much.
    if axes * max(volume.array_kji.shape) > 0.2 or np.abs(offset - np.rint(offset)).max() > 0.05:
        return f"the grid differs (axes by {axes:.3g} mm, origin at voxel {np.round(offset, 2)})"
    i, j, k = (round(float(value)) for value in offset)
    if (i, j) != (0, 0) or k < 0 or (k > 0 and not partial):
        return f"the origin is at voxel {(i, j, k)}"
    expected = truth.array_kji[k : k + volume.array_kji.shape[0]]
    if expected.shape != volume.array_kji.shape or (len(expected) != len(truth.array_kji) and not partial):
        return f"shape {volume.array_kji.shape} instead of {truth.array_kji.shape}"
    difference = np.abs(volume.array_kji.astype(np.float64) - expected)
    changed = difference[difference > 1.0]
    if changed.size and changed.max() <= HIDDEN_MAXIMUM_HU and np.sqrt(np.mean(changed**2)) <= HIDDEN_RMS_HU:
        return f"{HIDDEN}: {changed.size} voxels differ by up to {changed.max():.0f} HU"
    if changed.size:
        return f"{np.count_nonzero(difference > 1)} voxels differ by up to {difference.max():.0f} HU"
    return ""


def judge(case: Case, base: Base, made: Made) -> tuple[str, str]:
    """Load one input and return outcome and detail."""
    try:
        loaded = load_image(made.path, series=made.series)
    except InputError as error:
        text = str(error)
        return ("REFUSED BUT MUST BE READ" if case.must == "right" else "refused"), text
    except BaseException:
        return "TRACEBACK", traceback.format_exc()
    wrong = compare(loaded.volume, made.truth or base.volume, case.partial)
    if wrong.startswith(HIDDEN):
        return HIDDEN, wrong
    if wrong:
        return "WRONG VOLUME", wrong
    return ("READ BUT MUST BE REFUSED" if case.must == "refused" else "right"), "; ".join(loaded.warnings)


def _child(case: Case, base: Base, made: Made, pipe: Connection) -> None:
    pipe.send(judge(case, base, made))
    pipe.close()


def run_case(case: Case, base: Base, cli: bool) -> dict[str, Any]:
    """Make one input, load it in a child process, and return what happened."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bad-input-") as scratch:
        made = case.make(base, Path(scratch) / "input", random.Random(case.name))
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(case, base, made, sender))
        process.start()
        sender.close()
        outcome, detail = "CRASH", ""
        if receiver.poll(SECONDS):
            try:
                outcome, detail = receiver.recv()
            except EOFError:
                outcome = "CRASH"
        else:
            outcome = "HANG"
            process.kill()
        process.join()
        code = _cli(made, Path(scratch) / "out") if cli else None
    if outcome in FAILURES:
        print(f"{outcome}: {case.group}: {case.name}\n    {detail}", file=sys.stderr, flush=True)
    row = {"name": case.name, "group": case.group, "outcome": outcome, "detail": detail, "cli_exit_code": code}
    return {**row, "seconds": round(time.perf_counter() - start, 2)}


def _cli(made: Made, out: Path) -> int:
    """Run the command line on an input and return its exit code; only refusals are fast enough to wait for."""
    command = [sys.executable, "-m", "SenseCarePlanningLib", "airway", str(made.path), "--no-video", "--out", str(out)]
    if made.series is not None:
        command += ["--series", made.series]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path[:2]))
    return subprocess.run(command, capture_output=True, env=environment, timeout=600, check=False).returncode


def main() -> int:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", default="", help="run the cases whose name or group holds this text")
    parser.add_argument(
        "--cli", type=int, default=0, metavar="N", help="run every N-th refused input through the command line, too"
    )
    parser.add_argument("--show", action="store_true", help="print each case with its message")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 4))
    arguments = parser.parse_args()
    cases = [case for case in all_cases() if arguments.only in case.name or arguments.only in case.group]
    with tempfile.TemporaryDirectory(prefix="bad-input-base-") as scratch:
        volume = digital_chest()
        folder = Path(scratch) / "base"
        write_ct_series(volume, folder, STUDY, kernel="STANDARD", kvp=120, slice_thickness_mm=2.5)
        base = Base(folder, volume)
        with ThreadPoolExecutor(arguments.workers) as pool:
            jobs = [
                pool.submit(run_case, case, base, bool(arguments.cli) and n % arguments.cli == 0 and case.must == "refused")
                for n, case in enumerate(cases)
            ]
            rows = [job.result() for job in jobs]
    _report(rows, arguments)
    wrong_exit = [row for row in rows if row["cli_exit_code"] not in (None, 2)]
    return 1 if wrong_exit or any(row["outcome"] in FAILURES for row in rows) else 0


def _report(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({"total": len(rows), "outcomes": Counter(row["outcome"] for row in rows), "cases": rows}, indent=1))
        return
    for row in rows:
        if arguments.show or row["outcome"] in FAILURES or row["cli_exit_code"] not in (None, 2):
            print(
                f"{row['outcome']:<26} {row['group']}: {row['name']} (command line: {row['cli_exit_code']})\n    {row['detail']}"
            )
    outcomes = ["right", "refused", HIDDEN, *FAILURES]
    print(f"{'inputs':<24}" + "".join(f"{text[:14]:>16}" for text in outcomes))
    for group in dict.fromkeys(row["group"] for row in rows):
        counts = Counter(row["outcome"] for row in rows if row["group"] == group)
        print(f"{group:<24}" + "".join(f"{counts[text]:>16}" for text in outcomes))
    counts = Counter(row["outcome"] for row in rows)
    print(f"{'all ' + str(len(rows)):<24}" + "".join(f"{counts[text]:>16}" for text in outcomes))
    tested = [row for row in rows if row["cli_exit_code"] is not None]
    if tested:
        print(f"command line: exit code 2 in {sum(row['cli_exit_code'] == 2 for row in tested)} of {len(tested)}")


if __name__ == "__main__":
    raise SystemExit(main())
