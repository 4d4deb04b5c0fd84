"""``train``: make the networks that ship from data and digital patients, reproducibly."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import JsonLines, console_sink
from ..errors import Cancelled, InputError, SenseCareError
from ..progress import Progress

if TYPE_CHECKING:
    from ..training.export import BundleText
    from ..training.loop import TrainingOptions
    from ..training.task import TrainingTask


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the training of each network."""
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
    airway.add_argument("--scans-per-mask", type=int, default=5, metavar="N", help="virtual scans of each real tree (default 5)")
    airway.add_argument("--thoraces", type=int, default=10, metavar="N", help="procedural patients (default 10)")
    airway.add_argument("--no-real", action="store_true", help="simulated CTs only, no real texture")
    airway.add_argument("--bf16", action="store_true", help="bfloat16 on a CPU that has instructions for it: three times as fast")
    _add_common(airway, "airway_ct", start_airway)
    coronary = kinds.add_parser(
        "coronary",
        help="lumen of the coronary arteries and cardiac veins on coronary CT angiograms",
        description="Makes digital hearts in OUT/bank, trains on them in OUT/run and writes the bundle OUT/coronary_ct. "
        "Each part goes on where an earlier run of the same command stopped.",
    )
    coronary.add_argument(
        "--hearts", type=int, default=24, metavar="N", help="digital hearts, every third a hard one (default 24)"
    )
    _add_common(coronary, "coronary_ct", start_coronary)


def _add_common(parser: argparse.ArgumentParser, bundle: str, start: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=f"folder for bank/, run/ and {bundle}/")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--hours", type=float, default=2.0, metavar="H", help="training time, without making the cases (2)")
    parser.add_argument(
        "--steps", type=int, metavar="N", help="end after N steps instead of hours: the same seed, the same weights"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of cases, patches and weights (default 0)")
    parser.add_argument("--patch", type=int, default=64, metavar="N", help="edge of a patch in voxels, a multiple of 16 (64)")
    parser.add_argument("--batch", type=int, metavar="N", help="patches in a batch (2 on a CPU, 16 on a GPU)")
    parser.add_argument("--no-topology", action="store_true", help="leave the skeleton's recall out of the loss")
    parser.add_argument(
        "--start-from", type=Path, metavar="BUNDLE", help="begin with the weights of this bundle instead of random ones"
    )
    parser.add_argument(
        "--rate", type=float, default=3e-3, metavar="R", help="highest learning rate (3e-3; less with --start-from)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of the network on a CPU (all cores)")
    parser.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    parser.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")
    parser.set_defaults(start=start)


def start_airway(arguments: argparse.Namespace) -> int:
    """Make the airway's bank, train, write bundle and curves."""
    problems = []
    if arguments.thoraces < 0 or arguments.scans_per_mask < 0:
        problems.append("thoraces and scans must be 0 or more")
    if arguments.data is not None and not arguments.data.is_dir():
        problems.append(f"the data folder {arguments.data.name} is not there")
    _check(arguments, problems)
    from LungAirwayLib.training.bank import build_bank
    from LungAirwayLib.training.cases import plan_cases
    from LungAirwayLib.training.task import AIRWAY, FILTERS, TEXT

    options = _options(arguments, AIRWAY, FILTERS, real=not arguments.no_real, bf16=arguments.bf16)
    cases = plan_cases(arguments.data, arguments.seed, arguments.scans_per_mask, arguments.thoraces, options.real)
    return _run(arguments, AIRWAY, TEXT, options, lambda bank, progress: build_bank(cases, arguments.data, bank, progress))


def start_coronary(arguments: argparse.Namespace) -> int:
    """Make the digital hearts, train, write bundle and curves."""
    _check(arguments, [] if arguments.hearts > 0 else [f"the hearts must be 1 or more, got {arguments.hearts}"])
    from CardiacCTALib.training.hearts import build_bank, plan_hearts
    from CardiacCTALib.training.task import CORONARY, FILTERS, TEXT

    hearts = plan_hearts(arguments.seed, arguments.hearts)
    options = _options(arguments, CORONARY, FILTERS, real=False)
    return _run(arguments, CORONARY, TEXT, options, lambda bank, progress: build_bank(hearts, bank, progress))


def _options(
    arguments: argparse.Namespace, task: TrainingTask, filters: tuple[int, ...], real: bool, bf16: bool = False
) -> TrainingOptions:
    from ..training.loop import TrainingOptions
    from ..training.losses import LossOptions
    from ..training.sampling import SamplingOptions

    batch = arguments.batch or (16 if arguments.device == "cuda" else 2)
    return TrainingOptions(
        hours=arguments.hours,
        steps=arguments.steps,
        device=arguments.device,
        seed=arguments.seed,
        threads=arguments.threads,
        learning_rate=arguments.rate,
        filters=filters,
        bf16=bf16,
        start_from=None if arguments.start_from is None else str(arguments.start_from),
        real=real,
        sampling=SamplingOptions(patch=arguments.patch, batch=batch),
        loss=LossOptions(0.0 if arguments.no_topology else 1.0, task.others),
    )


def _run(
    arguments: argparse.Namespace,
    task: TrainingTask,
    text: BundleText,
    options: TrainingOptions,
    make_cases: Callable[[Path, Progress], None],
) -> int:
    """Make the bank, train, write bundle and curves; say where they are."""
    from ..training.curves import draw_curves
    from ..training.export import write_bundle
    from ..training.loop import train

    out: Path = arguments.out
    bank, run, bundle = out / "bank", out / "run", out / task.name
    progress = Progress(console_sink(arguments.json))
    with progress.step("Training cases"):
        make_cases(bank, progress)
    with progress.step("Training"), stopping_keeps_the_checkpoint(run):
        checkpoint = train(task, bank, run, options, progress)
    draw_curves(run / "log.jsonl", run / "curves.png")
    with progress.step("Bundle"):
        used = [case.name for case in task.open_cases(bank, options.real)]
        write_bundle(task, text, checkpoint, bundle, {"options": options.as_dict(), "cases": used})
    if arguments.json:
        JsonLines(sys.stdout).write({"event": "done", "exit_code": 0, "folder": str(bundle)})
    else:
        print(f"\nBundle in {bundle}\n  log     {run / 'log.jsonl'}\n  curves  {run / 'curves.png'}")
    return 0


@contextmanager
def stopping_keeps_the_checkpoint(run: Path) -> Iterator[None]:
    """Say of a training that the user stops that it can go on, where a checkpoint was written."""
    from ..training.checkpoint import checkpoints

    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        if not checkpoints(run):
            raise
        raise SenseCareError(
            "Stopped at the user's request; what was learnt until then is kept, and the same command goes on from it."
        ) from None


def _check(arguments: argparse.Namespace, problems: list[str]) -> None:
    """Refuse bad choices before anything is made, all at once; ``problems`` are those of this kind of training."""
    import importlib.util

    missing = [
        f"the Python package {name} is not installed; training needs it"
        for name in ("torch", "monai", "onnx")
        if importlib.util.find_spec(name) is None
    ]
    problems = [*missing, *problems]
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
    if arguments.seed < 0:
        problems.append("the seed must be 0 or more")
    if problems:
        raise InputError("The training cannot begin as asked.", problems)
