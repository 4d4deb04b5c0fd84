"""The target: what was measured there, and where it lies on the CT."""

from __future__ import annotations

from SenseCarePlanningLib.report.measurement_table import measurement_blocks
from SenseCarePlanningLib.report.model import Block, Figure, FigureRow, KeyValueTable, Section

from ..plan import Plan
from .summary import DENSITY_NAMES, SOURCE_NAMES
from .words import Pictures, Words, label_of

_PLANES = {
    "axial": label_of("Axial slice through the target."),
    "coronal": label_of("Coronal slice through the target."),
    "sagittal": label_of("Sagittal slice through the target."),
}


def target_section(plan: Plan, pictures: Pictures, words: Words) -> Section:
    """Return place, kind, measurements and pictures of the target."""
    target = plan.target
    left, posterior, superior = (float(value) for value in target.centre_lps_mm)
    place = words.say(
        "L {left}, P {posterior}, S {superior} mm (LPS); in Slicer R {right}, A {anterior}, S {superior}",
        left=f"{left:.1f}",
        posterior=f"{posterior:.1f}",
        superior=f"{superior:.1f}",
        right=f"{-left:.1f}",
        anterior=f"{-posterior:.1f}",
    )
    rows = [
        (words.say("Lobe"), words.code(target.lobe) if target.lobe else words.say("outside the lobes or lobe not determined")),
        (words.say("Density"), words.say(DENSITY_NAMES[target.density.value])),
        (words.say("Source"), words.say(SOURCE_NAMES.get(target.source, target.source))),
        (words.say("Centre"), place),
    ]
    blocks: list[Block] = [KeyValueTable(tuple(rows), pairs_per_line=1)]
    if target.measurements:
        blocks += measurement_blocks(tuple(target.measurements.values()), words)
    figures = tuple(
        Figure(pictures.get(f"target_{plane}"), words.say(caption), words.say(caption), "", 62.0)
        for plane, caption in _PLANES.items()
        if pictures.get(f"target_{plane}") is not None
    )
    if figures:
        blocks.append(FigureRow(figures, 0.8))
    else:
        missing = words.picture_missing(pictures.reason)
        blocks.append(Figure(None, words.say("Slices through the target"), "", missing))
    return Section(words.say("Target"), tuple(blocks), keep_together=True)
