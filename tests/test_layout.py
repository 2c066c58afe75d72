"""The project keeps its shape: imports go one way, heavy packages wait, nothing names its writer's machine."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = ROOT / "plugins"
LIFECYCLE = PLUGINS / "lifecycle"
#: What may import Airflow.
AIRFLOW = [
    *sorted((PLUGINS / "lifecycle_airflow").rglob("*.py")),
    *sorted(PLUGINS.glob("*.py")),
    *sorted((ROOT / "dags").rglob("*.py")),
]
MODULES = sorted(LIFECYCLE.rglob("*.py"))
# Each layer may import the ones before it, and no neighbour. A destination may read by its source.
LAYERS = (
    *(("errors", "addresses"), ("connectors",), ("settings", "web")),
    *(("warehouse",), ("sources",), ("destinations",)),
)
PARTS = (
    *(
        "extract",
        "detect_deletions",
        "check",
        "transform",
        "quality",
        "plan",
        "deliver",
        "reconcile",
        "publish",
        "calibrate",
    ),
    *("page", "receiver", "testing"),
)
HEAVY = {"dbt", "dlt", "great_expectations", "pandas", "plotly", "scipy"}

MACHINE_PATH = re.compile(
    rb"/(?:" + b"|".join([b"root", b"home", b"Users", b"work", b"farm"]) + rb")/[\w.]|[A-Z]:\\\\Users"
)
PACKAGE_HOST = re.compile(
    b"|".join(
        re.escape(b".".join(parts))
        for parts in (
            [b"files", b"pythonhosted"],
            [b"pypi", b"org"],
            [b"registry", b"npmjs"],
            [b"deb", b"debian"],
        )
    )
)


def part_of(module: Path) -> str:
    """The part that a file belongs to: ``sources`` for ``sources/sendgrid.py``."""
    return module.relative_to(LIFECYCLE).parts[0].removesuffix(".py")


def imports(node: ast.AST) -> Iterator[str]:
    """Every module that the code imports, wherever in it; ``lifecycle.x`` for ``from lifecycle import x``."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, "imports are absolute"
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def imports_on_loading(tree: ast.Module) -> Iterator[str]:
    """The modules that are imported as soon as the file is: not those in functions or for type checkers."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        yield from imports(statement)


def parts_below(part: str) -> set[str]:
    """What a part may import: itself and all layers below its own; what only tests import may do as they do."""
    if part == "testing":
        return {part_of(module) for module in MODULES}
    allowed = {part}
    for layer in LAYERS:
        if part in layer:
            return allowed
        allowed |= set(layer)
    return allowed


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(LIFECYCLE)))
def test_imports_point_one_way_and_modules_meet_in_the_warehouse(module: Path) -> None:
    part = part_of(module)
    named = {name.split(".")[1] for name in imports(ast.parse(module.read_text())) if name.startswith("lifecycle.")}
    assert named <= parts_below(part), f"{part} may import only {sorted(parts_below(part))}"


def test_every_part_has_its_layer() -> None:
    known = {"__init__", *PARTS, *(part for layer in LAYERS for part in layer)}
    assert {part_of(module) for module in MODULES} <= known


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(LIFECYCLE)))
def test_no_part_knows_airflow(module: Path) -> None:
    assert not [name for name in imports(ast.parse(module.read_text())) if name.split(".")[0] in {"airflow", "cosmos"}]


@pytest.mark.parametrize(
    "module",
    [*MODULES, *AIRFLOW],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_heavy_packages_wait_until_a_function_needs_them(module: Path) -> None:
    assert not [name for name in imports_on_loading(ast.parse(module.read_text())) if name.split(".")[0] in HEAVY]


def test_airflow_does_not_execute_our_modules_as_plugins() -> None:
    assert (PLUGINS / ".airflowignore").read_text().splitlines() == ["lifecycle/", "lifecycle_airflow/"]


def requirements(*, with_extras: bool) -> list[Requirement]:
    """What an installation needs; ``with_extras``: and what the image, the demo and the tests need besides."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    further = [*project["optional-dependencies"].values(), *groups.values()] if with_extras else []
    named = [Requirement(line) for lines in (project["dependencies"], *further) for line in lines]
    return [requirement for requirement in named if requirement.name != project["name"]]


def test_the_lock_names_one_version_of_every_dependency_within_its_range() -> None:
    pinned = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([^ ]+)", re.MULTILINE)
    locked = dict(pinned.findall((ROOT / "requirements.lock").read_text()))
    assert not [str(each) for each in requirements(with_extras=True) if locked[each.name] not in each.specifier]


def test_every_dependency_states_its_lowest_version() -> None:
    unbounded = [
        str(each)
        for each in requirements(with_extras=True)
        if not {part.operator for part in each.specifier} & {">=", "=="}
    ]
    assert not unbounded


def test_the_product_imports_only_what_an_installation_without_extras_has() -> None:
    declared = {requirement.name.lower() for requirement in requirements(with_extras=False)}
    product = [module for module in PLUGINS.rglob("*.py") if "testing" not in module.parts]
    files = [*product, *(ROOT / "dags").rglob("*.py")]
    named = {name.split(".")[0] for file in files for name in imports(ast.parse(file.read_text()))}
    origins = packages_distributions()
    foreign = {
        name: {origin.lower().replace("_", "-") for origin in origins[name]}
        for name in named - {"lifecycle", "lifecycle_airflow"}
        if name in origins
    }
    assert not [name for name, packages in foreign.items() if not packages & declared]


@pytest.mark.parametrize("forbidden", [MACHINE_PATH, PACKAGE_HOST], ids=["machine path", "package host"])
def test_no_file_names_a_machine_or_a_package_host(forbidden: re.Pattern[bytes]) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    assert not [path.relative_to(ROOT) for path in files if path.is_file() and forbidden.search(path.read_bytes())]


def test_machine_paths_and_package_hosts_are_recognised() -> None:
    assert MACHINE_PATH.search(b"see " + b"/".join([b"", b"home", b"somebody", b"notes"]))
    assert PACKAGE_HOST.search(b".".join([b"https://pypi", b"org/simple"]))
    assert not MACHINE_PATH.search(b"dags/work.py and /opt/lifecycle")
