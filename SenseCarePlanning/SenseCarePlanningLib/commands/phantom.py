"""``phantom``: digital patients as DICOM series with their exact truth."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import JsonLines, console_sink
from ..errors import InputError
from ..progress import Progress
from ..whole_folder import check_output_folder
from .phantom_coronary import add_coronary_parser

if TYPE_CHECKING:
    from ..phantom.simulate import SimulatedCT
    from ..phantom.thorax import Thorax, ThoraxOptions

KERNELS = ("soft", "standard", "sharp")
PROCEDURAL: dict[str, Any] = {
    "generations": 10, "nodule": None, "breaks": 0, "mucus_plugs": 0, "leaks": 0, "variant": None,
}  # fmt: skip
"""Options of a procedural patient, with what they are when not given; none applies to an airway mask."""


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the digital patients."""
    parser = subparsers.add_parser("phantom", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    kinds = parser.add_subparsers(dest="kind", metavar="what", required=True)
    thorax = kinds.add_parser("thorax", help="a chest with lungs, airway, vessels and nodules")
    thorax.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same patient (default 0)")
    thorax.add_argument(
        "--generations",
        type=int,
        default=PROCEDURAL["generations"],
        metavar="N",
        help="deepest airway generation, 9 to 14 (default 10)",
    )
    thorax.add_argument(
        "--nodule",
        action="append",
        default=None,
        metavar="SEGMENT:MM[:DENSITY]",
        help="e.g. RB3:12 or LB6:9:ground_glass; may be repeated",
    )
    thorax.add_argument("--breaks", type=int, default=0, metavar="N", help="airways with an invisible gap")
    thorax.add_argument("--mucus-plugs", type=int, default=0, metavar="N", help="airways with a plug")
    thorax.add_argument("--leaks", type=int, default=0, metavar="N", help="airways open into an emphysematous hole")
    thorax.add_argument("--variant", metavar="NAME", help="tracheal_bronchus, missing_lb7, lb7 or accessory_cardiac")
    thorax.add_argument("--airway-mask", type=Path, metavar="FILE", help="simulate the CT around this airway instead")
    thorax.add_argument("--vessel-mask", type=Path, metavar="FILE", help="with --airway-mask: its vessels")
    thorax.add_argument(
        "--lobe-mask", type=Path, metavar="FILE", help="with --airway-mask: its lobes (1 to 5: RUL, RML, RLL, LUL, LLL)"
    )
    thorax.add_argument("--nodule-mask", type=Path, metavar="FILE", help="with --airway-mask: a nodule")
    thorax.add_argument(
        "--spacing", type=spacing, default=(0.7, 0.7, 0.7), metavar="MM[,MM,MM]", help="voxel spacing (default 0.7)"
    )
    thorax.add_argument("--noise-hu", type=float, default=25.0, metavar="HU", help="noise in soft tissue (default 25)")
    thorax.add_argument("--kernel", default="standard", choices=KERNELS)
    thorax.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for dicom/ and truth/; new, empty or an earlier patient"
    )
    thorax.add_argument("--json", action="store_true", help="progress and result as JSON lines")
    thorax.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")
    thorax.set_defaults(start=start)
    add_coronary_parser(kinds)


def spacing(text: str) -> tuple[float, float, float]:
    """Read ``0.7`` or ``0.7,0.7,1.25`` (i, j, k).

    Raises
    ------
    argparse.ArgumentTypeError
        When the text is anything else.
    """
    parts = [part for part in re.split(r"[,x\s]+", text.strip()) if part]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 3) or not all(0.0 < value < float("inf") for value in values):
        raise argparse.ArgumentTypeError(f"{text!r} is not one or three spacings in mm like 0.7 or 0.7,0.7,1.25")
    i, j, k = values * 3 if len(values) == 1 else values
    return (i, j, k)


def start(arguments: argparse.Namespace) -> int:
    """Make the patient, scan it, write it."""
    from ..dicomio.stack import REFUSE_SLICE_MM
    from ..phantom.scanner import Scanner
    from ..phantom.write import write_phantom

    check_output_folder(arguments.out)
    masks = {name: getattr(arguments, f"{name}_mask") for name in ("vessel", "lobe", "nodule")}
    if arguments.airway_mask is None and any(masks.values()):
        raise InputError("--vessel-mask, --lobe-mask and --nodule-mask go with --airway-mask.")
    if arguments.airway_mask is not None:
        _refuse_procedural(arguments)
    progress = Progress(console_sink(arguments.json))
    try:
        scanner = Scanner(spacing_mm=arguments.spacing, noise_hu=arguments.noise_hu, kernel=arguments.kernel, seed=arguments.seed)
        options = None if arguments.airway_mask is not None else _options(arguments)
    except ValueError as error:
        raise InputError(f"The digital patient cannot be made as asked: {error}.") from error
    simulated, thorax = _simulate(arguments, scanner, options, progress)
    with progress.step("DICOM series and truth"):
        folder = write_phantom(simulated, arguments.out, thorax=thorax, scanner=scanner, seed=arguments.seed)
    too_thick = max(arguments.spacing) > REFUSE_SLICE_MM
    if arguments.json:
        JsonLines(sys.stdout).write({"event": "done", "exit_code": 0, "folder": str(folder)})
    else:
        if too_thick:
            print(f"Note: slices over {REFUSE_SLICE_MM:g} mm apart are too coarse; planning will refuse this CT.")
        print(f"\nDigital patient in {folder}\n  scan    {folder / 'dicom'}\n  truth   {folder / 'truth'}")
    return 0


def _refuse_procedural(arguments: argparse.Namespace) -> None:
    """Refuse what shapes a procedural patient where the airway is given: it would change nothing.

    Raises
    ------
    InputError
        Naming every such option.
    """
    given = [f"--{name.replace('_', '-')}" for name, usual in PROCEDURAL.items() if getattr(arguments, name) != usual]
    if given:
        raise InputError(f"With --airway-mask the airway is as given: leave out {', '.join(given)}.")


def _options(arguments: argparse.Namespace) -> ThoraxOptions:
    from ..phantom.nodules import NoduleSpec
    from ..phantom.thorax import ThoraxOptions

    more: dict[str, Any] = {}
    if arguments.nodule is not None:
        specs = []
        for text in arguments.nodule:
            parts = text.split(":")
            if len(parts) not in (2, 3):
                raise ValueError(f"the nodule {text!r} is not written like RB3:12 or LB6:9:ground_glass")
            try:
                diameter = float(parts[1])
            except ValueError:
                raise ValueError(f"the diameter {parts[1]!r} of nodule {text!r} is no number") from None
            specs.append(NoduleSpec(parts[0], diameter, *parts[2:]))
        more["nodules"] = tuple(specs)
    return ThoraxOptions(
        seed=arguments.seed,
        generations=arguments.generations,
        spacing_mm=arguments.spacing,
        noise_hu=arguments.noise_hu,
        breaks=arguments.breaks,
        mucus_plugs=arguments.mucus_plugs,
        leaks=arguments.leaks,
        variant=arguments.variant,
        **more,
    )


def _simulate(
    arguments: argparse.Namespace, scanner: Any, options: ThoraxOptions | None, progress: Progress
) -> tuple[SimulatedCT, Thorax | None]:
    """Scan a procedural patient, or simulate around the given airway."""
    if options is not None:
        from ..phantom.thorax import make_thorax, scan

        with progress.step("Anatomy"):
            thorax = make_thorax(options)
        with progress.step("Scan"):
            return scan(thorax, scanner), thorax
    from ..dicomio.files import read_label_map
    from ..phantom.simulate import simulate_ct

    def read(path: Path | None) -> Any:
        """Read a label map where one is given."""
        return read_label_map(path) if path is not None else None

    with progress.step("Reading the masks"):
        airway = read_label_map(arguments.airway_mask)
        vessels, lobes, nodule = (read(getattr(arguments, f"{name}_mask")) for name in ("vessel", "lobe", "nodule"))
    with progress.step("Scan"):
        simulated = simulate_ct(airway, scanner=scanner, vessels=vessels, lobes=lobes, nodule=nodule, seed=arguments.seed)
    return simulated, None
