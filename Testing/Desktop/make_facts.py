"""Write standin/facts.json: what Python sees of the desktop's classes, from the desktop-api folder beside the checkout.

Facts only: names, argument types, ownership marks. Run ``python make_facts.py [DESKTOP_API_FOLDER]`` after adding a class.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FACTS = HERE / "standin" / "facts.json"
CLASS_NAMES = HERE / "standin" / "classes.txt"
SOURCE = HERE.parents[1].parent / "shared" / "desktop-api"

RENAMED = {"exec_": "exec", "print_": "print"}


def plain_type(text: str) -> str:
    """Return a C++ type without const, reference and blanks."""
    return re.sub(r"\bconst\b|&|\s", "", text) if not text.startswith("unsigned") else text


def signature(text: str) -> tuple[str, list[str]]:
    name, _, rest = text.partition("(")
    return name, [plain_type(part) for part in _split(rest.rstrip(")"))]


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "<") - (letter == ">")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def qt_class(name: str, five: dict[str, Any], six: dict[str, Any]) -> dict[str, Any] | None:
    """Join the Qt 5.15 wrapper (methods, constructors, ownership) with the meta-object (properties, slots, signals)."""
    old, new = five.get(name), six.get(name, {})
    if old is None:
        return None
    methods: dict[str, list[list[str]]] = {}
    for group in ("methods", "static"):
        for key, overloads in old.get(group, {}).items():
            if not key.startswith("__"):
                methods.setdefault(RENAMED.get(key, key), []).extend([plain_type(part) for part in one] for one in overloads)
    for slot in new.get("slots", []):
        key, types = signature(slot)
        methods.setdefault(key, [])
        if types not in methods[key]:
            methods[key].append(types)
    found: dict[str, Any] = {
        "base": new.get("base"),
        "ctors": [[plain_type(part) for part in one] for one in old.get("ctors", [])],
    }
    found["props"] = {key: plain_type(p["type"]) + ("" if p.get("w") else "!") for key, p in new.get("properties", {}).items()}
    found |= {"methods": methods, "signals": new.get("signals", []), "qobject": bool(new.get("qobject"))}
    return {key: value for key, value in found.items() if value}


def emulated_class(old: dict[str, Any]) -> dict[str, Any]:
    """Take what is callable of a Slicer or CTK class, and the names that look callable but are not."""
    methods: dict[str, list[list[str]]] = {}
    for group in ("slots", "invokables", "decorators"):
        for one in old.get(group, []):
            types = [plain_type(arg[0]) + ("=" if len(arg) > 2 else "") for arg in one.get("args", [])]
            methods.setdefault(one["sig"].partition("(")[0], []).append(types)
    properties = {key: plain_type(p["type"]) + ("" if p.get("write") else "!") for key, p in old.get("properties", {}).items()}
    enums: dict[str, int] = {}
    for enum in old.get("enums", {}).values():
        if enum.get("meta"):
            enums |= {key: value for key, value in enum["values"].items() if isinstance(value, int)}
    found = {
        "space": old.get("module"),
        "base": old.get("base"),
        "constructible": bool(old.get("constructible")),
        "designer": bool(old.get("designer_plugin")),
        "props": properties,
        "methods": methods,
        "signals": [one["sig"] for one in old.get("signals", [])],
        "enums": enums,
        "plain": sorted({one.partition("(")[0] for one in old.get("plain_not_callable", [])}),
        "qobject": bool(old.get("qobject")),
    }
    return {key: value for key, value in found.items() if value}


def build(source: Path) -> dict[str, Any]:
    """Return the facts of every listed class and of its bases."""
    five, six, own = (
        json.loads((source / name).read_text(encoding="utf-8"))
        for name in ("qt_pythonqt515.json", "qt_widgets.json", "widgets.json")
    )
    classes: dict[str, Any] = {}
    wanted = CLASS_NAMES.read_text(encoding="utf-8").split()
    for name in wanted:
        if name in classes:
            continue
        if name in own["classes"]:
            found: dict[str, Any] | None = emulated_class(own["classes"][name])
        else:
            found = qt_class(name, five["classes"], six["classes"])
        if found is not None:
            classes[name] = found
            if found.get("base") and found["base"] not in wanted:
                wanted.append(found["base"])
    meta = {
        "slicer": own["_meta"]["slicer"],
        "ctk": own["_meta"]["ctk"],
        "qt": "PythonQt v4.1.0 wrappers of Qt 5.15; Qt 6 meta-objects",
    }
    return {"meta": meta, "classes": dict(sorted(classes.items()))}


def text_of(facts: dict[str, Any]) -> str:
    """Return the file's text: one class per line."""
    lines = [f"{json.dumps(name)}:{json.dumps(one, separators=(',', ':'))}" for name, one in facts["classes"].items()]
    return f'{{"meta":{json.dumps(facts["meta"])},\n"classes":{{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    FACTS.write_text(text_of(build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE)), encoding="utf-8")
