"""How good the CT is and how complete the tree, with every warning."""

from __future__ import annotations

from SenseCarePlanningLib.report.measurement_table import measurement_blocks
from SenseCarePlanningLib.report.model import (
    Block,
    Figure,
    FigureRow,
    Notice,
    Paragraph,
    Section,
    Tone,
)

from ..result import AirwayResult
from .summary import KEY_WARNINGS, all_warnings, ball_note
from .words import Pictures, Words


def quality_section(result: AirwayResult, words: Words) -> Section:
    """Return quality of the CT and completeness of the tree."""
    blocks: list[Block] = []
    warnings = all_warnings(result, words)
    if len(warnings) > KEY_WARNINGS:
        blocks.append(Notice("", words.say("Warnings"), Tone.CAUTION, warnings))
    if result.quality:
        blocks += measurement_blocks(tuple(result.quality.values()), words)
    tree = result.tree
    blocks.append(
        Paragraph(
            words.say(
                "The tree has {branches} branches with a summed length of {length} mm, {tips} peripheral ends and "
                "{generation} generations.",
                branches=len(tree),
                length=f"{tree.total_length_mm:.0f}",
                tips=len(tree.tips),
                generation=max(branch.generation for branch in tree),
            )
        )
    )
    if tree.loops_removed or tree.bridges:
        blocks.append(
            Paragraph(
                words.say(
                    "Loops cut open: {loops}; gaps bridged: {bridges}. Both mark places to check on the CT.",
                    loops=len(tree.loops_removed),
                    bridges=len(tree.bridges),
                )
            )
        )
    return Section(words.say("Quality of the CT and of the airway tree"), tuple(blocks))


def tree_section(result: AirwayResult, pictures: Pictures, words: Words) -> Section:
    """Return the tree with the best route, or the pictures of the whole tree where there is none."""
    title, plan = words.say("Airway tree"), result.plan
    if plan is None or not plan.routes:
        whole = overview_row(pictures, words)
        missing = Figure(None, words.say("Airway tree"), "", words.picture_missing(pictures.reason))
        return Section(title, (whole or missing,))
    rank = plan.routes[0].rank
    caption = words.say("Airway tree with route {rank} to the target.", rank=rank) + ball_note(plan.target, words)
    reason = words.picture_missing(pictures.reason)
    return Section(title, (Figure(pictures.get(f"route_{rank}_tree"), caption, caption, reason, 118.0, 0.6),))


def overview_row(pictures: Pictures, words: Words) -> FigureRow | None:
    """Return the whole tree plain and coloured by lobe; None when neither picture was made."""
    captions = {
        "tree_overview": words.say("Airway tree seen from the front; the patient's right is on the left."),
        "tree_lobes": words.say("Airway tree coloured by lobe."),
    }
    shown = tuple(Figure(pictures.get(key), text, text, "", 85.0) for key, text in captions.items() if pictures.get(key))
    return FigureRow(shown, 0.75) if shown else None
