"""The extension keeps Slicer's conventions: CMake order, icon, screenshots, index entry, names of modules and their forms."""

from __future__ import annotations

import json
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
ENTRY = ROOT / "Resources" / "Docs" / "ExtensionsIndex" / "SenseCarePlanning.json"
RAW = "https://raw.githubusercontent.com/SenseCarePlanning/SlicerSenseCarePlanning/main/"
ORDER = (
    "cmake_minimum_required(",
    "project(",
    "set(EXTENSION_HOMEPAGE",
    "set(EXTENSION_CONTRIBUTORS",
    "set(EXTENSION_DESCRIPTION",
    "set(EXTENSION_ICONURL",
    "set(EXTENSION_SCREENSHOTURLS",
    "set(EXTENSION_DEPENDS",
    "find_package(Slicer REQUIRED)",
    "include(${Slicer_USE_FILE})",
    "add_subdirectory(",
    "## NEXT_MODULE",
    "include(${Slicer_EXTENSION_GENERATE_CONFIG})",
    "include(${Slicer_EXTENSION_CPACK})",
)
KNOWN_FIELDS = {
    "$schema",
    "build_dependencies",
    "build_subdirectory",
    "category",
    "dicom_support_rule",
    "enabled",
    "scm_revision",
    "scm_type",
    "scm_url",
    "tier",
}
SIZE_LIMIT_MB = 100
MODULES = [name for name in re.findall(r"add_subdirectory\((\w+)\)", TOP) if name != "Testing"]


def setting(name: str) -> str:
    found = re.search(rf'set\({name} "([^"]*)"\)', TOP)
    assert found is not None, name
    return found.group(1)


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path.name} is no PNG"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_the_top_file_has_the_order_that_the_wizard_and_the_index_expect() -> None:
    places = [TOP.find(text) for text in ORDER]
    assert -1 not in places, ORDER[places.index(-1)]
    assert places == sorted(places)


def test_icon_and_screenshots_are_in_the_repository_under_their_addresses() -> None:
    icon = setting("EXTENSION_ICONURL")
    assert icon.startswith(RAW)
    assert png_size(ROOT / icon.removeprefix(RAW)) == (128, 128)
    shots = setting("EXTENSION_SCREENSHOTURLS").split()
    assert shots
    for shot in shots:
        assert shot.startswith(RAW)
        width, height = png_size(ROOT / shot.removeprefix(RAW))
        assert min(width, height) >= 200


def test_the_index_entry_fits_its_schema_and_the_top_file() -> None:
    entry = json.loads(ENTRY.read_text(encoding="utf-8"))
    assert set(entry) <= KNOWN_FIELDS
    assert {"$schema", "category", "scm_url"} <= set(entry)
    assert re.search(r"project\((\w+)\)", TOP).group(1) == ENTRY.stem  # type: ignore[union-attr]
    assert not ENTRY.stem.startswith("Slicer")
    repository = entry["scm_url"].removesuffix(".git")
    assert repository.rpartition("/")[2].startswith("Slicer")
    assert setting("EXTENSION_HOMEPAGE") == repository
    assert entry["category"] == "Planning"
    assert entry["build_dependencies"] == [one for one in setting("EXTENSION_DEPENDS").split() if one != "NA"]
    assert entry["tier"] in (1, 3, 5)
    assert b"\r" not in ENTRY.read_bytes()


def test_licence_readme_and_description_are_there() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](Resources/Screenshots/" in readme
    for module in MODULES:
        assert module in readme
    assert 40 < len(setting("EXTENSION_DESCRIPTION")) < 400


@pytest.mark.parametrize("module", MODULES)
def test_a_modules_files_carry_its_name(module: str) -> None:
    folder = ROOT / module
    # Slicer takes every .py directly in a module folder for a module.
    assert [path.name for path in folder.glob("*.py")] == [f"{module}.py"]
    text = (folder / f"{module}.py").read_text(encoding="utf-8")
    for suffix in ("(ScriptedLoadableModule)", "Widget(", "Logic(", "Test("):
        assert f"class {module}{suffix}" in text
    assert (folder / "Resources" / "UI" / f"{module}.ui").is_file()
    assert any((folder / "Resources" / "Icons" / f"{module}.{kind}").is_file() for kind in ("svg", "png"))
    cmake = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    assert f"set(MODULE_NAME {module})" in cmake
    assert "WITH_GENERIC_TESTS" in cmake
    assert re.search(r"if\(BUILD_TESTING\).*slicer_add_python_unittest\(SCRIPT \$\{MODULE_NAME\}\.py\)", cmake, re.DOTALL)


def test_slicer_builds_a_module_as_soon_as_it_has_its_file_and_not_before() -> None:
    # A Lib may come before its module file: listed, packed and tested, but Slicer must not be told to build it.
    with_file = {
        folder.parent.name for folder in ROOT.glob("*/CMakeLists.txt") if (folder.parent / f"{folder.parent.name}.py").is_file()
    }
    assert set(MODULES) == with_file


@pytest.mark.parametrize("module", MODULES)
def test_a_form_has_its_scene_and_names_no_widget_twice(module: str) -> None:
    root = ET.parse(ROOT / module / "Resources" / "UI" / f"{module}.ui").getroot()
    top = root.find("widget")
    assert top is not None and top.get("class") in ("qMRMLWidget", "qSlicerWidget")
    names = [widget.get("name") for widget in root.iter("widget")]
    assert len(names) == len(set(names))


def test_the_repository_is_small_enough_for_the_index() -> None:
    skipped = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "demo"}
    files = [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)]
    assert sum(path.stat().st_size for path in files) < SIZE_LIMIT_MB * 1e6
