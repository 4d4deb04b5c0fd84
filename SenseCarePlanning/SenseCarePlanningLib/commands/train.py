"""``train``: make the airway network from data, reproducibly."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..console import JsonLines, console_sink
from ..errors import InputError
from ..progress import Progress


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the training of the airway network."""
    parser = subparsers.add_parser("train", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    kinds = parser.add_subparsers(dest="kind", metavar="what", required=True)
    airway = kinds.add_parser(
        "airway",
        help="airway lumen, wall and lung vessels on chest CT",
        description="Makes the training cases in OUT/bank, trains in OUT/run and writes the bundle OUT/airway_ct. "
        "Each part goes on where an earlier run of the same command stopped.",
    )
    airway.add_argument(
        "--data", type=Path, metavar="DIR", help="folder with airway_masks/ and chest_ct/; without it patients are procedural"
    )
    airway.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for bank/, run/ and airway_ct/")
    airway.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    airway.add_argument("--hours", type=float, default=2.0, metavar="H", help="training time, without making the cases (2)")
    airway.add_argument(
        "--steps", type=int, metavar="N", help="end after N steps instead of hours: the same seed, the same weights"
    )
    airway.add_argument("--seed", type=int, default=0, metavar="N", help="of cases, patches and weights (default 0)")
    airway.add_argument("--scans-per-mask", type=int, default=5, metavar="N", help="virtual scans of each real tree (default 5)")
    airway.add_argument("--thoraces", type=int, default=10, metavar="N", help="procedural patients (default 10)")
    airway.add_argument("--patch", type=int, default=64, metavar="N", help="edge of a patch in voxels, a multiple of 16 (64)")
    airway.add_argument("--batch", type=int, metavar="N", help="patches in a batch (2 on a CPU, 16 on a GPU)")
    airway.add_argument("--no-topology", action="store_true", help="leave the skeleton's recall out of the loss")
    airway.add_argument("--no-real", action="store_true", help="simulated CTs only, no real texture")
    airway.add_argument(
        "--start-from", type=Path, metavar="BUNDLE", help="begin with the weights of this bundle instead of random ones"
    )
    airway.add_argument(
        "--rate", type=float, default=3e-3, metavar="R", help="highest learning rate (3e-3; less with --start-from)"
    )
    airway.add_argument("--threads", type=int, metavar="N", help="of the network on a CPU (all cores)")
    airway.add_argument("--bf16", action="store_true", help="bfloat16 on a CPU that has instructions for it: three times as fast")
    airway.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    airway.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")
    airway.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Make the bank, train, write bundle and curves."""
    _check(arguments)
    from LungAirwayLib.training.bank import build_bank, open_bank
    from LungAirwayLib.training.cases import plan_cases
    from LungAirwayLib.training.curves import draw_curves
    from LungAirwayLib.training.export import write_bundle
    from LungAirwayLib.training.loop import TrainingOptions, train
    from LungAirwayLib.training.losses import LossOptions
    from LungAirwayLib.training.sampling import SamplingOptions

    out: Path = arguments.out
    bank, run, bundle = out / "bank", out / "run", out / "airway_ct"
    batch = arguments.batch or (16 if arguments.device == "cuda" else 2)
    options = TrainingOptions(
        hours=arguments.hours,
        steps=arguments.steps,
        device=arguments.device,
        seed=arguments.seed,
        threads=arguments.threads,
        learning_rate=arguments.rate,
        bf16=arguments.bf16,
        start_from=None if arguments.start_from is None else str(arguments.start_from),
        real=not arguments.no_real,
        sampling=SamplingOptions(patch=arguments.patch, batch=batch),
        loss=LossOptions(topology=0.0 if arguments.no_topology else 1.0),
    )
    progress = Progress(console_sink(arguments.json))
    cases = plan_cases(arguments.data, arguments.seed, arguments.scans_per_mask, arguments.thoraces, options.real)
    with progress.step("Training cases"):
        build_bank(cases, arguments.data, bank, progress)
    with progress.step("Training"):
        checkpoint = train(bank, run, options, progress)
    draw_curves(run / "log.jsonl", run / "curves.png")
    with progress.step("Bundle"):
        used = [case.name for case in open_bank(bank, options.real)]
        write_bundle(checkpoint, bundle, {"options": options.as_dict(), "cases": used})
    if arguments.json:
        JsonLines(sys.stdout).write({"event": "done", "exit_code": 0, "folder": str(bundle)})
    else:
        print(f"\nBundle in {bundle}\n  log     {run / 'log.jsonl'}\n  curves  {run / 'curves.png'}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse bad choices before anything is made, all at once."""
    import importlib.util

    problems = [
        f"the Python package {name} is not installed; training needs it"
        for name in ("torch", "monai", "onnx")
        if importlib.util.find_spec(name) is None
    ]
    if not 0.0 < arguments.hours < float("inf"):
        problems.append(f"the hours must be above 0, got {arguments.hours}")
    if arguments.steps is not None and arguments.steps < 1:
        problems.append(f"the steps must be 1 or more, got {arguments.steps}")
    if arguments.patch < 32 or arguments.patch % 16:
        problems.append(f"the patch must be a multiple of 16 from 32 on, got {arguments.patch}")
    if arguments.batch is not None and arguments.batch < 1:
        problems.append(f"the batch must be 1 or more, got {arguments.batch}")
    if not 0.0 < arguments.rate < 1.0:
        problems.append(f"the learning rate must lie between 0 and 1, got {arguments.rate}")
    if arguments.threads is not None and arguments.threads < 1:
        problems.append(f"the threads must be 1 or more, got {arguments.threads}")
    if arguments.start_from is not None and not arguments.start_from.is_dir():
        problems.append(f"the bundle {arguments.start_from.name} is not there")
    if arguments.seed < 0 or arguments.thoraces < 0 or arguments.scans_per_mask < 0:
        problems.append("seed, thoraces and scans must be 0 or more")
    if arguments.data is not None and not arguments.data.is_dir():
        problems.append(f"the data folder {arguments.data.name} is not there")
    if problems:
        raise InputError("The training cannot begin as asked.", problems)
