"""Measurements as a table, and what was not measured with its reason: the same on every organ's pages."""

from __future__ import annotations

from .model import Block, Column, DataTable, Measurement, Paragraph
from .words import Words


def measurement_blocks(measurements: tuple[Measurement, ...], words: Words) -> list[Block]:
    """Return measurements with unit, interval and how they were obtained, and what is missing with its reason."""
    rows = tuple(
        (
            words.measurement_name(item.name),
            words.value_of(item),
            words.interval(item.interval, item.unit) or "–",
            words.sentence(item.method) if item.method else "–",
        )
        for item in measurements
        if item.value is not None
    )
    columns = (
        Column(words.say("Quantity"), 2.6),
        Column(words.say("Value"), 1.6),
        Column(words.say("95 % interval"), 1.7),
        Column(words.say("How it was obtained"), 4.4),
    )
    blocks: list[Block] = [DataTable(columns, rows)] if rows else []
    missing = missing_lines(measurements, words)
    if missing:
        blocks.append(Paragraph(words.say("; ").join(missing), words.say("Not measured:"), small=True))
    return blocks


def missing_lines(measurements: tuple[Measurement, ...], words: Words) -> list[str]:
    """Return what was not measured, one text for each reason."""
    names: dict[str, list[str]] = {}
    for item in measurements:
        if item.value is None:
            names.setdefault(item.reason_missing, []).append(words.measurement_name(item.name))
    return [
        words.say("{name}: {reason}", name=words.say(", ").join(listed), reason=words.sentence(reason))
        for reason, listed in names.items()
    ]
