"""How a result came about, for the page of methods: engine, options, versions, and the time of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..dicomio.study import StudyInfo
from ..run_info import EngineInfo, RunInfo
from .model import Column, DataTable, KeyValueTable
from .words import Words


def run_blocks(
    engine: EngineInfo,
    run: RunInfo,
    study: StudyInfo | None,
    words: Words,
    option_names: Mapping[str, str],
    option_values: Mapping[str, str],
) -> tuple[KeyValueTable, DataTable | None]:
    """Return the table of engine, options and versions, and that of the steps (None where none was recorded).

    Parameters
    ----------
    option_names, option_values
        Machine name of an option or its value -> message id; others are printed as they are.
    """
    name = words.sentence(option_values.get(engine.name, engine.name))
    rows = [
        (words.say("Engine"), f"{name} {engine.version}".strip()),
        (words.say("Model"), words.sentence(engine.model or "none")),
    ]
    if engine.detail:
        rows.append((words.say("Detail"), words.sentence(engine.detail)))
    rows += [
        (words.say(option_names.get(name, name)), words.sentence(option_values.get(value, value)))
        for name, value in run.options.items()
    ]
    if study is not None and study.series_uid:
        rows.append((words.say("Series UID"), study.series_uid))
    versions = words.say(", ").join(f"{name} {version}" for name, version in run.versions.items())
    rows.append((words.say("Versions"), versions or words.say("not stated")))
    rows.append((words.say("Analysed"), run.created or words.say("not stated")))
    table = KeyValueTable(tuple(rows), pairs_per_line=1)
    if not run.steps:
        return table, None
    columns = (
        Column(words.say("Step"), 5.0),
        Column(words.say("Seconds"), 1.5, "right"),
        Column(words.say("Peak memory\nin the step (MB)"), 2.0, "right"),
    )
    steps = tuple(
        (
            words.sentence(step.name),
            f"{step.seconds:.1f}",
            f"{step.peak_memory_mb:.0f}" if math.isfinite(step.peak_memory_mb) else words.say("not stated"),
        )
        for step in run.steps
    )
    return table, DataTable(columns, steps, compact=True)
