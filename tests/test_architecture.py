"""The floors of the house, held by reading the imports of every module.

A folder is a floor, and so is each file beside the folders: it imports only what stands below it. Only an edge knows
the library that it wraps; a pure module does no I/O. The simulator is the other side of the wire and shares no code
with the box.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "inviseobox"
README = PACKAGE.parent / "README.md"
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef

FLOORS = [
    "inviseobox",
    # The vocabulary.
    "errors", "translation", "clock", "records", "events",
    # Pure.
    "untrusted", "configuration", "devices", "reports",
    # What the running program knows of itself, and its edges to what is outside.
    "health", "supervisor", "network", "buffer", "host", "timekeeping",
    # The loops.
    "acquisition", "server", "delivery",
    # Where commands ask it.
    "control",
    # What joins them, and what a person or systemd runs.
    "daemon", "commands", "cli", "__main__",
    # A program of its own.
    "updater",
]  # fmt: skip
"""The folders and files of the package in their order, from the ground up."""

PURE = {
    "untrusted", "configuration", "devices", "reports",
    "health.latest", "health.sentences", "health.steadiness",
    "acquisition.attempt", "acquisition.doubled_answers",
    "acquisition.fresh_connections", "acquisition.line_watch", "acquisition.link_habits", "acquisition.link_troubles",
    "acquisition.modbus_frame", "acquisition.modbus_units", "acquisition.page_text", "acquisition.page_turns",
    "acquisition.register_plan", "acquisition.retry", "acquisition.rtu_answer", "acquisition.rtu_crc",
    "acquisition.schedule", "acquisition.tcp_answer", "acquisition.unit_availability", "acquisition.unit_memory",
    "acquisition.unit_plan", "acquisition.unit_round", "network.content_coding", "network.http_faults",
    "timekeeping.clock_troubles", "timekeeping.note", "timekeeping.witnesses",
    "commands.box_state", "commands.charts", "commands.config_text", "commands.first_readings", "commands.layout",
    "commands.history_lines", "commands.quantities", "commands.since", "commands.status_lines",
    "commands.checks.codes", "commands.checks.findings", "commands.checks.server_answers",
    "commands.checks.told_by_service",
    "control.protocol", "control.selection", "control.writing",
    "server.answers", "server.form_doubt", "delivery.refusal_search", "delivery.refusals",
    "updater.apt_output", "updater.errors", "updater.events", "updater.faults", "updater.green",
    "updater.libraries", "updater.memory_growth", "updater.nightly", "updater.observation", "updater.package_files",
    "updater.pins", "updater.probation", "updater.seen", "updater.state", "updater.status_content", "updater.suites",
    "updater.texts", "updater.versions",
}  # fmt: skip
"""Folders and files without I/O, to which the time is an argument."""

PURE_MAY_IMPORT = {
    "array", "collections", "collections.abc", "dataclasses", "datetime",
    "decimal", "email.utils", "enum", "functools", "hashlib", "itertools", "json", "math", "operator", "re",
    "struct", "textwrap", "tomllib", "types", "typing", "unicodedata", "urllib.parse", "zlib",
}  # fmt: skip

LIBRARIES = {
    "pymodbus": {"inviseobox.acquisition.pymodbus_connection", "inviseobox.acquisition.serial_port"},
    "serial_asyncio": {"inviseobox.acquisition.serial_port"},
    "httpx": {"inviseobox.network.http_client"},
    "httpcore": {"inviseobox.network.http_connections"},
    "sqlite3": {
        f"inviseobox.buffer.{name}"
        for name in ("database", "database_file", "first_page", "opening", "rejected", "salvage", "schema")
    },
    "systemd": {"inviseobox.host.journal"},
    "sdnotify": {"inviseobox.host.notify"},
    "tenacity": {"inviseobox.server.retry"},
    "yaml": {"inviseobox.commands.compose_file"},
    "rich": {"inviseobox.commands.terminal"},
}
"""Who may import what is not ours; nothing else from outside the standard library is imported at all."""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
SIMULATOR = "inviseobox.simulator"
UPDATER = "inviseobox.updater"
"""Shipped as a program of its own, in which it is not called so: it imports itself by relative imports."""
PUBLISHING = {path.stem: path.read_text() for path in (PACKAGE.parent / "debian/repository").glob("*.py")}
"""The program with which a maintainer publishes; it stands beside the package and shares no code with it."""
PURE_PUBLISHING = {"errors", "key_strength", "releases", "roles", "showing", "state", "suites", "versions"}
"""Those of its modules that do no I/O."""


def imported(source: str, modules: Mapping[str, str], package: str = "") -> set[str]:
    """Name the modules that a source imports anywhere in it; `modules` are those of our own.

    Imports are absolute, but for a source of `package`, where all its own are relative.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or (node.level == 1 and package), "imports are absolute"
            module = ".".join(filter(None, [package if node.level else "", node.module]))
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= inner & modules.keys()
            if inner - modules.keys():
                found.add(module)
    return found


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


IMPORTS = {
    name: imported(source, SOURCES, UPDATER if is_within(name, UPDATER) else "") for name, source in SOURCES.items()
}


def ours(name: str) -> set[str]:
    return {module for module in IMPORTS[name] if module in SOURCES}


def floor_of(module: str) -> int:
    """Return the place in FLOORS of the folder or file that the module is in. Raises ValueError."""
    return FLOORS.index(module.removeprefix("inviseobox.").partition(".")[0])


def is_pure(module: str) -> bool:
    return any(is_within(module, f"inviseobox.{name}") for name in PURE)


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Find modules that import each other in a circle; empty where there are none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for other in sorted(graph.get(module, ())):
            if found := visit(other, [*way, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := visit(module, []))), [])


def broad_handlers(source: str) -> Iterator[int]:
    """Yield the lines of handlers that would also catch what nobody expected, and do not raise it again."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ExceptHandler(type=None):
                yield node.lineno
            case ast.ExceptHandler(type=caught):
                raises = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
                if caught is not None and names(caught) & {"Exception", "BaseException"} and not raises:
                    yield node.lineno
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress")):
                if any(names(argument) & {"Exception", "BaseException"} for argument in node.args):
                    yield node.lineno


def names(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", [name for name in SOURCES if not is_within(name, SIMULATOR)])
def test_imports_run_downward(name: str) -> None:
    for other in ours(name):
        if not is_within(other, SIMULATOR):
            assert floor_of(other) <= floor_of(name), f"{name} imports {other}, which stands above it"


def test_the_floors_are_the_folders_and_files_of_the_package() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__", "simulator"} == set(FLOORS) - {"inviseobox"}


def test_every_pure_module_exists() -> None:
    assert {f"inviseobox.{name}" for name in PURE} <= SOURCES.keys()


@pytest.mark.parametrize("way", ["one reading", "one device list"])
def test_the_readme_shows_a_way_without_a_step_back(way: str) -> None:
    section = README.read_text().partition(f"### The way of {way}\n")[2].partition("\n#")[0]
    files = re.findall(r"(?m)^\d+\. `(\S+)`", section)
    assert 5 < len(files) <= 12
    assert [name for name in files if not (PACKAGE / name).exists()] == []
    # A pure folder is looked into on the way; any other is left for good.
    folders = [name.partition("/")[0] for name in files if name.partition("/")[0] not in PURE]
    assert [folder for folder, _ in groupby(folders)] == list(dict.fromkeys(folders))


def test_the_map_in_the_readme_shows_every_file() -> None:
    shown = set(re.findall(r"[a-z_]+\.py", README.read_text().partition("```\ninviseobox/")[2].partition("```")[0]))
    there = {path.name for path in PACKAGE.rglob("*.py") if "simulator" not in path.parts}
    assert shown == there - {"__init__.py", "__main__.py", "exit_status.py"}


@pytest.mark.parametrize("source", [*SOURCES.values(), *PUBLISHING.values()], ids=[*SOURCES, *PUBLISHING])
def test_modules_and_functions_are_short_enough_to_read(source: str) -> None:
    assert len(source.splitlines()) <= 300
    functions = [one for one in ast.walk(ast.parse(source)) if isinstance(one, FUNCTION)]
    assert [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= 45] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle({name: ours(name) for name in SOURCES}) == []
    assert circle({name: imported(source, PUBLISHING) for name, source in PUBLISHING.items()}) == []


@pytest.mark.parametrize("name", PUBLISHING)
def test_publishing_takes_debians_python_alone(name: str) -> None:
    found = imported(PUBLISHING[name], PUBLISHING)
    assert {module.split(".")[0] for module in found} <= PUBLISHING.keys() | sys.stdlib_module_names
    if name in PURE_PUBLISHING:
        assert found <= PURE_MAY_IMPORT | PURE_PUBLISHING
    assert list(broad_handlers(PUBLISHING[name])) == []


@pytest.mark.parametrize("name", sorted(filter(is_pure, SOURCES)))
def test_pure_modules_import_nothing_that_could_do_input_or_output(name: str) -> None:
    outside = IMPORTS[name] - SOURCES.keys()
    assert outside <= PURE_MAY_IMPORT


@pytest.mark.parametrize(("library", "users"), LIBRARIES.items())
def test_a_library_is_known_to_its_edge_only(library: str, users: set[str]) -> None:
    found = {name for name in SOURCES if any(is_within(module, library) for module in IMPORTS[name])}
    assert found == users


def test_no_other_library_is_imported_from_outside() -> None:
    known = sys.stdlib_module_names | LIBRARIES.keys() | {"inviseobox"}
    outside = {(name, module) for name in SOURCES for module in IMPORTS[name] if module.split(".")[0] not in known}
    assert outside == set()


@pytest.mark.parametrize("name", [name for name in SOURCES if is_within(name, SIMULATOR)])
def test_the_simulator_shares_no_code_with_the_box(name: str) -> None:
    assert all(is_within(module, SIMULATOR) for module in ours(name))
    assert not {module.split(".")[0] for module in IMPORTS[name]} & LIBRARIES.keys()


@pytest.mark.parametrize("name", [name for name in SOURCES if is_within(name, UPDATER)])
def test_the_updater_stands_on_itself_and_the_standard_library(name: str) -> None:
    assert all(is_within(module, UPDATER) for module in ours(name))
    assert {module.split(".")[0] for module in IMPORTS[name] - SOURCES.keys()} <= sys.stdlib_module_names
    # Where it is shipped, there is no package of this name.
    assert "inviseobox" not in {module.split(".")[0] for module in imported(SOURCES[name], {}, "updater")}


def test_nobody_imports_the_updater() -> None:
    users = {name for name in SOURCES if any(is_within(module, UPDATER) for module in ours(name))}
    assert all(is_within(name, UPDATER) for name in users)


def test_only_commands_know_the_simulator() -> None:
    users = {name for name in SOURCES if any(is_within(module, SIMULATOR) for module in ours(name))}
    assert all(is_within(name, "inviseobox.commands") or is_within(name, SIMULATOR) for name in users)


@pytest.mark.parametrize("name", SOURCES)
def test_only_the_supervisor_catches_what_nobody_expected(name: str) -> None:
    if name != "inviseobox.supervisor":
        assert list(broad_handlers(SOURCES[name])) == []


def test_the_reader_of_imports_sees_them_wherever_they_stand() -> None:
    modules = dict.fromkeys(["a", "a.b", "a.c"], "")
    source = "import x.y\nfrom a import b, other\nfrom a.c import d\ndef f():\n    import z\n    from q.r import s\n"
    assert imported(source, modules) == {"x.y", "a.b", "a", "a.c", "z", "q.r"}
    assert imported("from . import b, other\nfrom .c import d\n", modules, "a") == {"a.b", "a", "a.c"}


def test_the_finder_of_circles_sees_them() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    ("handler", "broad"),
    [
        ("except: pass", True),
        ("except Exception: pass", True),
        ("except (OSError, Exception): pass", True),
        ("except BaseException as error: print(error)", True),
        ("except Exception: raise ValueError", True),
        ("except BaseException: raise", False),
        ("except OSError: pass", False),
    ],
)
def test_the_finder_of_broad_handlers_sees_them(handler: str, broad: bool) -> None:
    assert bool(list(broad_handlers(f"try:\n    f()\n{handler}\n"))) is broad


def test_the_finder_of_broad_handlers_sees_suppressed_exceptions() -> None:
    assert list(broad_handlers("with contextlib.suppress(Exception):\n    f()\n")) == [1]
    assert list(broad_handlers("with suppress(OSError):\n    f()\n")) == []
