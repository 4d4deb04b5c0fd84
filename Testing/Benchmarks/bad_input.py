"""Damaged and odd inputs: each must give the right volume or a clear refusal.

Usage: python Testing/Benchmarks/bad_input.py [--json] [--only TEXT] [--cli N] [--show] [--log FILE] [--resume]

Every input is made and loaded in a process of its own, with a time limit, and its outcome is appended to a log at once. An
answer counts as right when the volume equals the truth voxel for voxel (1 HU of rounding) at its place; as a refusal when
``InputError`` came with a message; anything else is a failure: another volume, a traceback, a crash, a hang. Some inputs must
be read and some must be refused, and there the other answer is a failure, too.

DICOM carries no checksum, so single flipped bits can leave a file that is valid in every respect and holds a slightly other
measurement: a low bit of an uncompressed or run-length coded pixel, or a bit of a coded difference of lossless JPEG that
leaves the code itself whole and moves the end of one row. These are tried as a group of their own, "no reader can know".
There, and nowhere else, a volume that differs from the truth in one slice only, by no more than the noise of the image
(20 HU), counts as "unknowable"; a larger difference is a wrong volume there, too.

``--cli N`` also runs N of the inputs that must be refused through the command line, and expects exit code 2, the message on
the error stream without a traceback, and nothing in the output folder.
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
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "LungAirway"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bad_input_base import STUDY, Base, Case, Made, digital_chest
from bad_input_cases import all_cases

from SenseCarePlanningLib.dicomio.load import load_image
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import Volume

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 120.0
CLI_LIMIT_S = 300.0
UNKNOWABLE = "unknowable"
NOISE_HU = 20.0
FAILURES = (
    "WRONG VOLUME",
    "TRACEBACK",
    "CRASH",
    "HANG",
    "READ, NOT REFUSED",
    "REFUSED, NOT READ",
    "CASE NOT MADE",
    "COMMAND LINE",
)


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
    if (difference > 1.0).any():
        return f"{np.count_nonzero(difference > 1)} voxels differ by up to {difference.max():.0f} HU"
    return ""


def _below_noise(volume: Volume, truth: Volume) -> bool:
    """Tell whether volumes on one grid differ in a single slice, by no more than the noise."""
    difference = np.abs(volume.array_kji.astype(np.float64) - truth.array_kji)
    return np.count_nonzero((difference > 0).any(axis=(1, 2))) == 1 and bool(difference.max() <= NOISE_HU)


def judge(case: Case, base: Base, made: Made) -> tuple[str, str]:
    """Load one input and return outcome and detail."""
    try:
        loaded = load_image(made.path, series=made.series)
    except InputError as error:
        return ("REFUSED, NOT READ" if case.must == "right" else "refused"), str(error)
    except BaseException:
        return "TRACEBACK", traceback.format_exc()
    truth = made.truth or base.volume
    if wrong := compare(loaded.volume, truth, case.partial):
        excused = case.unknowable and loaded.volume.grid.same_as(truth.grid) and _below_noise(loaded.volume, truth)
        return (UNKNOWABLE if excused else "WRONG VOLUME"), wrong
    return ("READ, NOT REFUSED" if case.must == "refused" else "right"), "; ".join(loaded.warnings)


def try_case(case: Case, base: Base, cli: bool, pipe: Connection) -> None:
    """Make one input, load it, and send the row of the table; runs in a process of its own."""
    start = time.perf_counter()
    row: dict[str, Any] = {"name": case.name, "group": case.group, "cli_exit_code": None}
    with tempfile.TemporaryDirectory(prefix="bad-input-") as scratch:
        try:
            made = case.make(base, Path(scratch) / "input", random.Random(case.name))
        except Exception:
            row |= {"outcome": "CASE NOT MADE", "detail": traceback.format_exc()}
        else:
            row["outcome"], row["detail"] = judge(case, base, made)
            if cli and row["outcome"] == "refused":
                row["cli_exit_code"], wrong = by_command_line(made, Path(scratch) / "out")
                if wrong:
                    row |= {"outcome": "COMMAND LINE", "detail": wrong}
    pipe.send({**row, "seconds": round(time.perf_counter() - start, 2)})
    pipe.close()


def by_command_line(made: Made, out: Path) -> tuple[int, str]:
    """Run the command line on an input that must be refused; returns its exit code, and what it did wrong."""
    command = [sys.executable, "-m", "SenseCarePlanningLib", "airway", str(made.path), "--no-video", "--out", str(out)]
    if made.series is not None:
        command += ["--series", made.series]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(str(ROOT / part) for part in ("SenseCarePlanning", "LungAirway")))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=CLI_LIMIT_S, check=False)
    if done.returncode != InputError.exit_code:
        return done.returncode, f"exit code {done.returncode}: {done.stderr[-500:]}"
    if "Traceback" in done.stderr + done.stdout or not done.stderr.strip():
        return done.returncode, f"a traceback or no message: {done.stderr[-500:]!r}"
    left = [path.name for path in out.rglob("*")] if out.exists() else []
    return done.returncode, f"left in the output folder: {left}" if left else ""


def run_cases(cases: Sequence[Case], base: Base, cli: set[str], workers: int) -> Iterator[dict[str, Any]]:
    """Run each case in a process of its own, a few at a time, and give its row as soon as it is there."""
    context = multiprocessing.get_context("fork")
    waiting = list(cases)
    running: dict[Connection, tuple[Any, Case, float]] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            case = waiting.pop(0)
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=try_case, args=(case, base, case.name in cli, sender))
            process.start()
            sender.close()
            running[receiver] = (process, case, time.monotonic() + LIMIT_S + (CLI_LIMIT_S if case.name in cli else 0.0))
        ready = wait(list(running), timeout=1.0)
        late = [pipe for pipe, (_, _, limit) in running.items() if time.monotonic() > limit and pipe not in ready]
        for pipe in [*ready, *late]:
            process, case, _ = running.pop(pipe)  # type: ignore[index]
            row = {"name": case.name, "group": case.group, "detail": "", "cli_exit_code": None, "seconds": LIMIT_S}
            if pipe in late:
                process.kill()
                row["outcome"] = "HANG"
            else:
                try:
                    row = pipe.recv()  # type: ignore[union-attr]
                except EOFError:
                    row["outcome"] = "CRASH"
            process.join()
            yield row


def _already(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def main() -> int:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", default="", help="run the cases whose name or group holds this text")
    parser.add_argument("--cli", type=int, default=0, metavar="N", help="run N refused inputs through the command line, too")
    parser.add_argument("--show", action="store_true", help="print each case with its message")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--log", type=Path, default=Path(tempfile.gettempdir()) / "bad_input.jsonl", help="one JSON row a line")
    parser.add_argument("--resume", action="store_true", help="leave out what the log already holds")
    arguments = parser.parse_args()
    cases = [case for case in all_cases() if arguments.only in case.name or arguments.only in case.group]
    refused = [case.name for case in cases if case.must == "refused"]
    step = max(1, len(refused) // arguments.cli) if arguments.cli else len(refused) + 1
    cli = set(refused[step // 2 :: step][: arguments.cli])
    rows = _already(arguments.log) if arguments.resume else []
    done = {row["name"] for row in rows}
    with tempfile.TemporaryDirectory(prefix="bad-input-base-") as scratch, arguments.log.open("a" if done else "w") as log:
        volume = digital_chest()
        folder = Path(scratch) / "base"
        write_ct_series(volume, folder, STUDY, kernel="STANDARD", kvp=120, slice_thickness_mm=2.5)
        for row in run_cases([case for case in cases if case.name not in done], Base(folder, volume), cli, arguments.workers):
            rows.append(row)
            log.write(json.dumps(row) + "\n")
            log.flush()
            if row["outcome"] in FAILURES:
                print(f"{row['outcome']}: {row['group']}: {row['name']}\n    {row['detail']}", file=sys.stderr, flush=True)
    _report(rows, arguments)
    return 1 if any(row["outcome"] in FAILURES for row in rows) else 0


def _report(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({"total": len(rows), "outcomes": Counter(row["outcome"] for row in rows), "cases": rows}, indent=1))
        return
    for row in rows if arguments.show else []:
        print(f"{row['outcome']:<18} {row['group']}: {row['name']} ({row['seconds']:.1f} s)\n    {row['detail']}")
    outcomes = ["right", "refused", UNKNOWABLE, *FAILURES]
    groups = [*dict.fromkeys(row["group"] for row in rows), ""]
    print(f"{'inputs':<24}{'tried':>6}" + "".join(f"{text:>{len(text) + 2}}" for text in outcomes))
    for group in groups:
        counts = Counter(row["outcome"] for row in rows if group in ("", row["group"]))
        print(f"{group or 'all':<24}{sum(counts.values()):>6}" + "".join(f"{counts[text]:>{len(text) + 2}}" for text in outcomes))
    tested = [row for row in rows if row["cli_exit_code"] is not None]
    if tested:
        good = sum(row["outcome"] != "COMMAND LINE" for row in tested)
        print(f"command line: exit code 2, a message, no traceback, nothing written in {good} of {len(tested)}")
    print(f"{sum(row['seconds'] for row in rows):.0f} s, of all inputs together")


if __name__ == "__main__":
    raise SystemExit(main())
