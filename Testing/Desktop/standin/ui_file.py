"""Loads a ``.ui`` file as QUiLoader does, and records what the desktop would pass over in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import facts, signals
from .convert import enum_class
from .emulation import CTK, SLICER
from .faults import RECORDER


class _Loader(QtUiTools.QUiLoader):
    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:
        made = {**CTK, **SLICER}.get(class_name)
        if made is None or not facts.CLASSES[class_name].get("designer"):
            return super().createWidget(class_name, parent, name)
        widget = made(parent)
        widget.setObjectName(name)
        return widget


def load(path: str) -> QtWidgets.QWidget:
    """Return the root widget of a ``.ui`` file, without a parent.

    Raises
    ------
    RuntimeError
        If the file is absent or not a form.
    """
    if not Path(path).is_file():
        raise RuntimeError(f"Could not load UI file: {path}")
    try:
        tree = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise RuntimeError(f"Could not load UI file {path}: {error}") from error
    _check_classes(tree, path)
    links = [(link.findtext("sender"), link.findtext("signal"), link.findtext("receiver"), link.findtext("slot"))
             for link in tree.iter("connection")]  # fmt: skip
    for group in tree.findall("connections"):
        tree.remove(group)
    late = _take_late_properties(tree)
    buffer = QtCore.QBuffer()
    buffer.setData(ElementTree.tostring(tree))
    buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
    root = _Loader().load(buffer)
    if root is None:
        raise RuntimeError(f"Could not load UI file: {path}")
    named = {one.objectName(): one for one in [root, *root.findChildren(QtCore.QObject)]}
    for name, key, value in late:
        if name in named and not named[name].setProperty(key, value):
            RECORDER.add("ui file", f"{path}: property {key} of {name} could not be set to {value!r}")
    for widget in [root, *root.findChildren(QtWidgets.QWidget)]:
        if isinstance(widget, CTK["ctkCollapsibleButton"]):
            widget.fold_children()
    for link in links:
        _connect(named, link, path)
    return root


def _check_classes(tree: ElementTree.Element, path: str) -> None:
    for widget in tree.iter("widget"):
        name = widget.get("class", "")
        if name.startswith("Q"):
            continue
        if not facts.CLASSES.get(name, {}).get("designer"):
            RECORDER.add("ui file", f"{path}: {name} has no designer plugin; its base class would be made without a word")
        elif name not in CTK and name not in SLICER:
            raise NotImplementedError(f"{path}: {name} exists in the desktop, and the stand-in does not have it yet")
        for one in widget.findall("property"):
            key = one.get("name", "")
            if one.get("stdset") != "0" and facts.property_type(name, key) is None:
                RECORDER.add("ui file", f"{path}: {name} has no property {key}")


def _take_late_properties(tree: ElementTree.Element) -> list[tuple[str, str, Any]]:
    """Take out enumerators of emulated classes, which the form builder cannot resolve, to set them afterwards."""
    late = []
    for widget in tree.iter("widget"):
        name = widget.get("class", "")
        if name.startswith("Q"):
            continue
        for one in widget.findall("property"):
            value = one.find("enum") if one.find("enum") is not None else one.find("set")
            known = facts.property_type(name, one.get("name", "")) or ""
            declared = any(
                one.get("name") in facts.CLASSES[step].get("props", {}) for step in facts.chain(name) if step[0] != "Q"
            )
            if value is not None and declared:
                widget.remove(one)
                late.append((widget.get("name", ""), one.get("name", ""), _number(name, known, value.text or "")))
    return late


def _number(name: str, cpp_type: str, text: str) -> int:
    total, kind = 0, enum_class(cpp_type.rstrip("!"))
    for part in filter(None, text.split("|")):
        key = part.rpartition("::")[2]
        known = facts.enum_value(name, key)
        total |= known if known is not None else (int(getattr(kind, key).value) if hasattr(kind, key) else 0)
    return total


def _connect(named: dict[str, Any], link: tuple[str | None, ...], path: str) -> None:
    sender, signal, receiver, slot = (text or "" for text in link)
    from .wrapping import fact_name, wrap

    if sender not in named or receiver not in named:
        RECORDER.add("ui file", f"{path}: connection {link} names an absent object")
        return
    target, name = named[receiver], slot.partition("(")[0]
    if not facts.overloads(fact_name(type(target)), name):
        RECORDER.add("ui file", f"{path}: {receiver} has no slot {slot}")
        return
    count = 0 if slot.endswith("()") else slot.count(",") + 1
    signals.connect(named[sender], fact_name(type(named[sender])), signal, lambda *v: getattr(wrap(target), name)(*v[:count]))
