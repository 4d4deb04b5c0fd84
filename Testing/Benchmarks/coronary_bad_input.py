"""What ``./run coronary`` says of scans that it cannot, or not wholly, read: exit code, CAD-RADS line and statements.

Digital hearts with two known stenoses (mid RCA 60 %, proximal LAD 40 %) are scanned, and scan or heart altered, one fault a
case; chest, head and leg come beside them, and, where ``../shared/data`` is there, real scans that are no coronary CT. Each
case names what a right answer is: refused (exit code 2), a category with N where parts cannot be read, or a modifier. ``--cache``
keeps the scans, ``--only`` runs single cases. A case that is answered otherwise is printed with WRONG.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SenseCarePlanning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "CardiacCTA"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bad_input_base import digital_chest

from SenseCarePlanningLib.dicomio.files import sitk_from_volume
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, CoronaryPatient, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_artefacts import make_lead
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec
from SenseCarePlanningLib.phantom.coronary_scan import coronary_scanner, scan_calcium, scan_coronary
from SenseCarePlanningLib.phantom.coronary_scene import Contrast
from SenseCarePlanningLib.volume import Acquisition, Volume

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
PIXELS, SLICE_MM, SEED = 320, 0.7, 21
LESIONS = (LesionSpec(2, 60.0, Composition.SOFT, length_mm=12.0), LesionSpec(6, 40.0, Composition.FIBROUS, length_mm=9.0))
PULMONARY = Contrast(left=110.0, aorta=80.0, lungs=480.0, right=430.0, svc=700.0, ivc=75.0, veins=60.0, muscle=70.0)
VENOUS = Contrast(left=165.0, aorta=165.0, lungs=160.0, right=165.0, svc=165.0, ivc=150.0, veins=170.0, muscle=120.0)
REFUSED, N, CATEGORY = "refused", "N", "category"
USER_ERROR = 2


def patient(**changes: Any) -> CoronaryPatient:
    """Return the heart of this benchmark."""
    return make_coronary_patient(CoronaryOptions(**({"seed": SEED, "stenoses": LESIONS, "ramus": False} | changes)))


def scan(heart: CoronaryPatient, contrast: Contrast | None = None, noise_hu: float = 22.0) -> Volume:
    """Scan a heart."""
    return scan_coronary(heart, coronary_scanner(PIXELS, SLICE_MM, noise_hu), contrast=contrast).volume


def thin_calcium() -> Volume:
    """Scan without contrast in the slices of a coronary CT."""
    return scan_calcium(patient(), coronary_scanner(PIXELS, SLICE_MM))


@lru_cache(maxsize=1)
def control() -> Volume:
    """Scan the heart as it is."""
    return scan(patient())


def without(heart: CoronaryPatient, *names: str) -> CoronaryPatient:
    """Return a heart without arteries and all that leaves them."""
    gone = set(names)
    for _ in heart.arteries:
        gone |= {one.name for one in heart.arteries if one.parent in gone}
    return replace(
        heart,
        arteries=tuple(one for one in heart.arteries if one.name not in gone),
        sections=tuple(one for one in heart.sections if one.artery.name not in gone),
        lesions=tuple(one for one in heart.lesions if one.artery not in gone),
    )


def part(volume: Volume, axis: int, low: float, high: float) -> Volume:
    """Return a slab of a volume between two shares of an axis."""
    box = [slice(0, count) for count in volume.array_kji.shape]
    count = volume.array_kji.shape[axis]
    box[axis] = slice(int(low * count), int(high * count))
    return volume.cropped((box[0], box[1], box[2]))


def thick(volume: Volume, wanted_mm: float) -> Volume:
    """Average slices to about ``wanted_mm``."""
    by = max(round(wanted_mm / float(np.linalg.norm(volume.affine_ijk_to_lps[:3, 2]))), 1)
    count = volume.array_kji.shape[0] // by
    shape = volume.array_kji.shape[1:]
    mean = volume.array_kji[: count * by].reshape(count, by, *shape).astype(np.float32).mean(axis=1)
    affine = volume.affine_ijk_to_lps.copy()
    affine[:3, 3] += 0.5 * (by - 1) * affine[:3, 2]
    affine[:3, 2] *= by
    return Volume(np.rint(mean).astype(np.int16), affine)


def solids(*parts: tuple[tuple[float, float, float], tuple[float, float, float], float]) -> Volume:
    """Draw ellipsoids (centre, radii, HU), the last one wins, in air: 200 mm a side in voxels of 1 mm."""
    axis = np.arange(200.0) - 99.5
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    image = np.full(x.shape, -1000.0, dtype=np.float32)
    for centre, radii, value in parts:
        image[sum(((p - c) / r) ** 2 for p, c, r in zip((x, y, z), centre, radii, strict=True)) < 1.0] = value
    image[image > -500.0] += 25.0 * np.sin(z / 4.0 + x / 9.0)[image > -500.0]  # no two slices are the same
    image += np.random.default_rng(5).normal(0.0, 15.0, image.shape)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -99.5
    return Volume(np.rint(image).astype(np.int16), affine)


def head(vessels_hu: float = 45.0) -> Volume:
    """Skull, brain, and a bright sinus."""
    middle = (0.0, 0.0, 0.0)
    return solids(
        (middle, (78, 92, 130), 60),
        (middle, (74, 88, 126), 1100),
        (middle, (67, 81, 119), 36),
        ((0, 78, 10), (6, 5, 50), vessels_hu),
    )


def leg() -> Volume:
    """Muscle, bone, and an artery filled with contrast."""
    return solids(
        ((0, 0, 0), (75, 75, 160), 55),
        ((0, 0, 0), (16, 16, 260), 1300),
        ((0, 0, 0), (8, 8, 260), -60),
        ((28, 20, 0), (4, 4, 400), 420),
    )


def placed(volume: Volume, matrix: Any) -> Volume:
    """Return a volume whose stored place and axes are another's: ``matrix`` (3, 3) on LPS, about the middle of the scan."""
    middle = volume.grid.lps_from_kji((np.array(volume.array_kji.shape) - 1.0) / 2.0)
    change = np.eye(4)
    change[:3, :3] = matrix
    change[:3, 3] = middle - change[:3, :3] @ middle
    return Volume(volume.array_kji, change @ volume.affine_ijk_to_lps)


def turned(volume: Volume, about_z_deg: float, about_x_deg: float) -> Volume:
    """Return the volume of a heart that lies turned."""
    z, x = np.radians([about_z_deg, about_x_deg])
    first = np.array([[np.cos(z), -np.sin(z), 0.0], [np.sin(z), np.cos(z), 0.0], [0.0, 0.0, 1.0]])
    second = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(x), -np.sin(x)], [0.0, np.sin(x), np.cos(x)]])
    return placed(volume, first @ second)


def cut_obliquely(volume: Volume) -> Volume:
    """Return a volume that holds nothing (padding) beyond an oblique plane through the heart."""
    k, j, i = (np.linspace(-1.0, 1.0, size, dtype=np.float32) for size in volume.array_kji.shape)
    beyond = k[:, None, None] - 0.5 * i[None, None, :] + 0.3 * j[None, :, None] < -0.35
    return Volume(np.where(beyond, np.int16(-1024), volume.array_kji), volume.affine_ijk_to_lps)


def of_another_patient() -> Volume:
    """Return a calcium series of a heart that lies elsewhere."""
    series = scan_calcium(patient(seed=SEED + 1))
    affine = series.affine_ijk_to_lps.copy()
    affine[:3, 3] += (60.0, -20.0, 35.0)
    return Volume(series.array_kji, affine, acquisition=Acquisition(kvp=120.0, slice_thickness_mm=3.0))


@dataclass(frozen=True)
class Case:
    """A case: what it is called, how it is made (None where its data is missing), and what a right answer is.

    ``right`` is ``refused``, ``N`` (category N or modifier N), ``category`` (any, with what ``says`` names), and ``says`` are
    words of which one must be among the statements, or parts of the CAD-RADS line that must be there.
    """

    name: str
    make: Callable[[], Volume | Path | None]
    right: str
    says: tuple[str, ...] = ()
    line: str = ""
    calcium: Callable[[], Volume] | None = None


def real(*parts: str) -> Callable[[], Path | None]:
    """Return a maker of a file under the shared data, None where it is missing."""
    path = DATA.joinpath(*parts)
    return lambda: path if path.exists() else None


def cases() -> list[Case]:
    """Return all cases."""
    stent = LesionSpec(6, 10.0, Composition.STENT, length_mm=16.0, calcium_hu=12000.0)
    occluded = (LesionSpec(7, 100.0, Composition.FIBROUS, length_mm=8.0),)
    return [
        Case("control", control, CATEGORY, line="CAD-RADS 3"),
        Case("no contrast, thin slices", thin_calcium, REFUSED, ("without contrast",)),
        Case("no contrast, 3 mm slices", lambda: scan_calcium(patient()), REFUSED, ("without contrast",)),
        Case("pulmonary phase", lambda: scan(patient(), PULMONARY), REFUSED, ("right heart",)),
        Case("venous phase", lambda: scan(patient(), VENOUS), N, ("contrast is weak", "too little")),
        Case("weak contrast 170 HU", lambda: scan(patient(contrast_hu=170.0)), N, ("contrast is weak", "too little")),
        Case("upper half", lambda: part(control(), 0, 0.5, 1.0), N, ("scan ends within",)),
        Case("lower half", lambda: part(control(), 0, 0.0, 0.5), REFUSED, ("root of the aorta",)),
        Case("left half", lambda: part(control(), 2, 0.5, 1.0), N, ("scan ends within", "root of the aorta", "cut off")),
        Case("right half", lambda: part(control(), 2, 0.0, 0.5), N, ("scan ends within", "cut off")),
        Case("cut obliquely", lambda: cut_obliquely(control()), N, ("ends within", "cut off", "not found", "leaves the scan")),
        Case("mirrored header", lambda: placed(control(), np.diag([-1.0, 1.0, 1.0])), REFUSED, ("mirror",)),
        Case("upside down header", lambda: placed(control(), np.diag([1.0, -1.0, -1.0])), REFUSED, ("upside down",)),
        Case("turned by 20 and 15 degrees", lambda: turned(control(), 20.0, 15.0), REFUSED, ("turned by",)),
        Case("small heart, 0.7", lambda: placed(control(), np.diag([0.7, 0.7, 0.7])), REFUSED, ("child",)),
        Case("large heart, 1.3", lambda: placed(control(), np.diag([1.3, 1.3, 1.3])), CATEGORY),
        Case("noise of 80 HU", lambda: scan(patient(), noise_hu=80.0), CATEGORY, ("noise",)),
        Case("calcium of another patient", control, CATEGORY, ("another patient",), "CAD-RADS 3", of_another_patient),
        Case("calcium and contrast swapped", lambda: scan_calcium(patient()), REFUSED, ("look swapped",), calcium=control),
        Case("3 mm slices", lambda: thick(control(), 3.0), N, ("thick",)),
        Case("step of 5 mm", lambda: scan(patient(step_mm=5.0)), N, ("motion",)),
        Case("step of 3 mm", lambda: scan(patient(step_mm=3.0)), N, ("motion",)),
        Case("no RCA", lambda: scan(without(patient(stenoses=LESIONS[1:]), "RCA")), N, ("right coronary",)),
        Case("no left artery", lambda: scan(without(patient(stenoses=LESIONS[:1]), "LM")), N, ("left coronary",)),
        Case("no LCx", lambda: scan(without(patient(), "LCX")), N, ("LCx", "circumflex", "divide")),
        Case("graft to the LAD", lambda: scan(patient(stenoses=occluded, grafts=("LAD",))), N, ("graft",), "/G"),
        Case("stent in the LAD", lambda: scan(patient(stenoses=(stent,))), N, ("stent",), "/S"),
        Case("stent in the RCA", lambda: scan(patient(stenoses=(replace(stent, segment=2),))), N, ("stent",), "/S"),
        Case("faint stent in the LAD", lambda: scan(patient(stenoses=(replace(stent, calcium_hu=5000.0),))), N, ("stent",), "/S"),
        Case("pacemaker lead", lambda: scan(replace(h := patient(), lead=make_lead(h.heart))), CATEGORY, ("metal", "lead")),
        Case("chest without contrast", digital_chest, REFUSED, ("contrast", "heart")),
        Case("head", head, REFUSED, ("aorta", "heart")),
        Case("head with contrast", lambda: head(350.0), REFUSED, ("aorta", "heart")),
        Case("leg with contrast", leg, REFUSED, ("aorta", "heart")),
        Case("real: chest CT, contrast, 2.5 mm", real("chest_ct", "contrast_chest_2.5mm.nii.gz"), N, ("thick", "aorta")),
        Case("real: thorax CTA, 1.5 mm, no gating", real("cta", "thorax_cta_1p5mm.nii.gz"), N, ("thick",)),
        Case("real: airway CT without contrast", real("chest_ct", "lidc_idri_0314_1.0mm.nii.gz"), REFUSED, ("contrast",)),
        Case("real: legs", real("bone_ct", "visible_human_lower_legs_1.0mm.nii.gz"), REFUSED, ("aorta", "heart", "damaged")),
    ]  # fmt: skip


def stored(case: Case, cache: Path) -> Path | None:
    """Return the file of a case, made if it is not there."""
    target = cache / f"{case.name.replace(' ', '_').replace(':', '').replace(',', '')}.nii.gz"
    if target.is_file():
        return target
    made = case.make()
    if made is None or isinstance(made, Path):
        return made
    cache.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk_from_volume(made), str(target))
    return target


def stored_calcium(case: Case, cache: Path) -> Path | None:
    """Return the file of a case's calcium series, made if it is not there; None where the case has none."""
    if case.calcium is None:
        return None
    target = cache / f"{case.name.replace(' ', '_')}_calcium.nii.gz"
    if not target.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(sitk_from_volume(case.calcium()), str(target))
    return target


def answer(file: Path, scratch: Path, calcium: Path | None = None) -> tuple[int, str, list[str]]:
    """Run the command; return its exit code, the CAD-RADS line and every statement."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("SenseCarePlanning", "LungAirway", "CardiacCTA"))
    command = [
        sys.executable,
        "-m",
        "SenseCarePlanningLib",
        "coronary",
        str(file),
        "--no-report",
        "--json",
        "--out",
        str(scratch / "out"),
        *(() if calcium is None else ("--calcium-series", str(calcium))),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, check=False)
    line, said = "", []
    for row in done.stdout.splitlines():
        event = json.loads(row)
        if event["event"] == "done":
            line = event["cad_rads"]
        elif event["event"] == "note":
            said.append(event["text"].removeprefix("Note: "))
        elif event["event"] == "error":
            said += [event["message"], *event.get("problems", [])]
    if "Traceback" in done.stderr:
        said.append("TRACEBACK " + done.stderr.splitlines()[-1])
    result = scratch / "out" / "coronary.json"
    if result.is_file():
        trace = json.loads(result.read_text(encoding="utf-8"))["grade"]["trace"]
        said += ["rule " + json.dumps(one) for one in trace]
    return done.returncode, line, said


def wrong(case: Case, code: int, line: str, said: list[str]) -> str:
    """Return what is wrong with an answer, "" when nothing is."""
    text = " ".join(said)
    parts = line.split("/")
    faults = (
        ("a traceback", "TRACEBACK" in text),
        ("not refused", case.right == REFUSED and code != USER_ERROR),
        ("refused", case.right == CATEGORY and code != 0),
        (
            "graded without N",
            case.right == N and code == 0 and line != "CAD-RADS N" and "CAD-RADS N" not in parts and "N" not in parts,
        ),
        (f"no {case.line}", bool(case.line) and code == 0 and case.line not in line),
        ("not said: " + " or ".join(case.says), bool(case.says) and not any(word.lower() in text.lower() for word in case.says)),
    )
    return next((fault for fault, holds in faults if holds), "")


def main() -> None:
    """Print one case after the other, and how many were answered rightly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--only", action="append", default=[], help="part of a case's name; may be repeated")
    parser.add_argument("--made", action="store_true", help="make the scans, run nothing")
    options = parser.parse_args()
    right = count = 0
    with tempfile.TemporaryDirectory() as name:
        cache = options.cache or Path(name) / "scans"
        for case in cases():
            if options.only and not any(word in case.name for word in options.only):
                continue
            file = stored(case, cache)
            if file is None:
                print(f"{case.name}: skipped, its data is not there", flush=True)
                continue
            if options.made:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                code, line, said = answer(file, Path(scratch), stored_calcium(case, cache))
            fault = wrong(case, code, line, said)
            count, right = count + 1, right + (not fault)
            print(f"{case.name}: exit {code}, {line or 'no grade'}{f'  WRONG: {fault}' if fault else ''}", flush=True)
            for sentence in said:
                print(f"    {sentence}")
    print(f"{right} of {count} answered rightly")


if __name__ == "__main__":
    main()
