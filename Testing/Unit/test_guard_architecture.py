"""The rules of the tree of code: imports point down, CMake lists equal the disk, names are unique, both linters pass."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(folder.parent for folder in ROOT.glob("*/CMakeLists.txt") if folder.parent.name not in ("Testing", "Resources"))
FRONT_ENDS = ("cli.py", "__main__.py", "commands/")
"""Ring 2 inside SenseCarePlanningLib: the command line."""

SCENE_PACKAGES = {"slicer", "slicer_core"}
DESKTOP_PACKAGES = {"qt", "ctk", "PythonQt", "PySide6", "trame", "trame_slicer"}
HEAVY_PACKAGES = {
    "torch", "monai", "totalsegmentator", "onnxruntime", "matplotlib", "reportlab", "highdicom", "pynetdicom", "pypdfium2", "av",
}  # fmt: skip
BUILT_ON = {"pdf_blocks.py": "reportlab", "pdf_pages.py": "reportlab", "pdf_parts.py": "reportlab", "pdf_text.py": "reportlab"}
"""Files whose classes extend a heavy package's; they are imported inside ``write_pdf`` only."""
SLICERS_OWN = {"DICOMLib"}
AT_FILE_SCOPE = {"slicer", "qt", "ctk", "vtk", "numpy", "SimpleITK"}
"""What a desktop module may need when Slicer loads it; all else comes when the user asks for it."""
GPL_PACKAGES = {"kimimaro", "dijkstra3d", "fitz", "pymupdf", "libjpeg"}


def source_files() -> list[Path]:
    return [path for module in MODULES for path in sorted(module.rglob("*.py")) if "__pycache__" not in path.parts]


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[1]


def ring_of(path: Path) -> int:
    package = package_of(path)
    inside = (
        path.relative_to(ROOT / path.relative_to(ROOT).parts[0] / package).as_posix() if package.endswith(("Lib", "MRML")) else ""
    )
    if package == "SenseCarePlanningLib" and inside.startswith(FRONT_ENDS):
        return 2
    if package.endswith("Lib"):
        return 0
    return 1 if package.endswith("MRML") else 2


def imports(path: Path, file_scope_only: bool = False) -> set[str]:
    """Top-level package names imported, absolute ones; with ``TYPE_CHECKING`` blocks left out of the file scope."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree)) if not file_scope_only else _file_scope(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def _file_scope(body: list[ast.stmt]) -> list[ast.AST]:
    found: list[ast.AST] = []
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, (ast.If, ast.Try)):
            found.extend(_file_scope([*node.body, *node.orelse]))
        else:
            found.append(node)
    return found


def test_there_is_something_to_guard() -> None:
    assert {path.name for path in MODULES} >= {"SenseCarePlanning", "LungAirway"}
    assert len(source_files()) > 40


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    ring, package, found = ring_of(path), package_of(path), imports(path)
    organs = {name for name in found if re.fullmatch(r"[A-Z]\w+Lib", name)} - {"SenseCarePlanningLib", package}
    assert not found & GPL_PACKAGES
    if ring == 0:
        assert not found & (SCENE_PACKAGES | DESKTOP_PACKAGES), "ring 0 knows no Slicer and no Qt"
        assert not {name for name in found if name.endswith(("MRML", "Widgets", "Web"))}, "ring 0 imports no higher ring"
        assert not organs, "an organ's Lib imports no other organ's, and the shared Lib imports none"
        heavy = HEAVY_PACKAGES - {BUILT_ON.get(path.name, "")}
        assert not imports(path, file_scope_only=True) & heavy, "heavy packages are imported where they are used"
    if ring == 1:
        assert not found & DESKTOP_PACKAGES, "ring 1 knows no Qt"
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"slicer\.(app|modules|mrmlScene)\b", text), "in ring 1 the scene is an argument"


@pytest.mark.parametrize(
    "path", [path for path in source_files() if ring_of(path) == 2], ids=lambda path: str(path.relative_to(ROOT))
)
def test_front_ends_keep_to_their_own(path: Path) -> None:
    package, found = package_of(path), imports(path)
    if package == "SenseCarePlanningLib":
        assert not found & DESKTOP_PACKAGES, "the command line knows no desktop"
    if package.startswith("SenseCarePlanning") and package != "SenseCarePlanningLib":
        organs = {
            name for name in found if re.fullmatch(r"[A-Z]\w+(Lib|Widgets)", name) and not name.startswith("SenseCarePlanning")
        }
        assert organs <= SLICERS_OWN, "what the modules share knows no organ"
    if package.endswith(".py"):  # a module file; what it imports later, in its functions, comes when the user asks for it
        foreign = file_scope_packages(path) - AT_FILE_SCOPE - set(sys.stdlib_module_names)
        assert not foreign, "Slicer's start and a module's load may need nothing that Slicer lacks"


def file_scope_packages(path: Path, seen: set[Path] | None = None) -> set[str]:
    """Foreign packages that importing a file imports, through our own packages to the end."""
    seen = seen if seen is not None else set()
    seen.add(path)
    found: set[str] = set()
    for name in _file_scope_names(path):
        ours = [file for file in _own_files(name) if file not in seen]
        if name.split(".")[0] in {package_of(file).removesuffix(".py") for file in source_files()}:
            for file in ours:
                if file not in seen:
                    found |= file_scope_packages(file, seen)
        else:
            found.add(name.split(".")[0])
    return found


def _file_scope_names(path: Path) -> set[str]:
    """Dotted names of what a file imports at its top, relative ones made absolute; ``from a import b`` gives a and a.b."""
    parts = path.relative_to(ROOT).parts[1:-1]
    found: set[str] = set()
    for node in _file_scope(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                ".".join([*parts[: len(parts) - node.level + 1], node.module or ""]).strip(".")
                if node.level
                else str(node.module)
            )
            found.update([base, *(f"{base}.{alias.name}" for alias in node.names)])
    return found


def _own_files(name: str) -> list[Path]:
    """Files of ours that a dotted name stands for, with the packages above it."""
    parts = name.split(".")
    places = [Path(*parts[:count]) for count in range(1, len(parts) + 1)]
    named = [
        module / file for module in MODULES for place in places for file in (place.with_suffix(".py"), place / "__init__.py")
    ]
    return [file for file in named if file.is_file()]


def test_the_guard_itself_sees_an_upward_import(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    import slicer\n    from LungAirwayLib.plan import Plan\n")
    assert imports(bad) == {"slicer", "LungAirwayLib"}
    assert imports(bad, file_scope_only=True) == set()


def cmake_files(module: Path) -> list[str]:
    text = (module / "CMakeLists.txt").read_text(encoding="utf-8")
    listed: list[str] = []
    for block in re.findall(r"set\(MODULE_PYTHON_(?:SCRIPTS|RESOURCES)\n(.*?)\n\s*\)", text, flags=re.DOTALL):
        listed.extend(line.strip() for line in block.splitlines() if line.strip())
    return listed


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_cmake_lists_equal_the_disk(module: Path) -> None:
    on_disk = {
        path.relative_to(module).as_posix()
        for path in module.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "CMakeLists.txt"
    }
    listed = cmake_files(module)
    assert [name for name, count in Counter(listed).items() if count > 1] == []
    assert set(listed) == on_disk


def test_installed_names_are_unique_across_modules() -> None:
    # All scripted modules of an extension are installed flat into one folder: equal paths overwrite each other.
    counts = Counter(name for module in MODULES for name in cmake_files(module))
    assert [name for name, count in counts.items() if count > 1] == []
    assert not [name for name in counts if name.split("/")[0].lower() in ("testing", "tests", "test")]


def test_every_package_is_packed() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^packages = \[\n(.*?)^\]", text, flags=re.DOTALL | re.MULTILINE)
    assert block is not None
    packed = set(re.findall(r'"([\w.]+)"', block.group(1)))
    on_disk = {".".join(path.parent.relative_to(module).parts) for module in MODULES for path in module.rglob("__init__.py")}
    assert packed == on_disk


def test_no_prints_outside_the_command_line() -> None:
    offenders = []
    for path in source_files():
        if ring_of(path) == 2:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert offenders == []


def test_what_is_public_has_a_docstring() -> None:
    offenders = []
    for path in source_files():
        for node in _public(ast.parse(path.read_text(encoding="utf-8")).body):
            if not ast.get_docstring(node):
                offenders.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert offenders == []


def _public(body: list[ast.stmt]) -> list[ast.FunctionDef | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of those classes."""
    found: list[ast.FunctionDef | ast.ClassDef] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.append(node)
            if isinstance(node, ast.ClassDef):
                found.extend(_public(node.body))
    return found


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "--quiet", "."], ["ruff", "format", "--check", "--quiet", "."]],
    ids=["lint", "format"],
)
def test_ruff(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_strict() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
