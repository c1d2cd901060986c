"""What may import what: layers in order, and no circles, neither of files nor of packages."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LAYERS = (
    ("version", "errors", "progress", "json_files", "array_files", "child_programs"),
    ("second_process",),
    ("plugins",),
    ("arith",),
    ("adder_graphs", "weight_places"),
    ("dialects",),
    ("provenance", "verifying"),
    ("faults",),
    ("devices", "assembly"),
    ("interpreters",),
    ("rtl",),
    ("analysis",),
    ("delta_debugging", "folding", "frontends"),
    ("universe",),
    ("passes",),
    ("extend", "pipelines"),
    ("options",),
    ("origin",),
    ("backends",),
    ("design",),
    ("compiler",),
    ("quantization", "proofs"),
    ("exploration", "cropping"),
    ("__init__",),
    ("train",),
    ("cli",),
)
"""Parts of the package from the ground up: each imports those of lower rows, and itself.

No other file says so in code: this is the place to change.
"""
HEIGHT = {part: row for row, parts in enumerate(LAYERS) for part in parts}


def modules():
    """Returns the path of every module, by its dotted name; a package is its `__init__`."""
    found = {}
    for path in sorted((ROOT / "qcompiler").rglob("*.py")):
        found[".".join(path.relative_to(ROOT).with_suffix("").parts)] = path
    return found


MODULES = modules()


def module_of(name):
    """Returns the module that an imported name is, or is in; None if it is not ours."""
    for candidate in (name, f"{name}.__init__", name.rpartition(".")[0]):
        if candidate in MODULES:
            return candidate
    parent = f"{name.rpartition('.')[0]}.__init__"
    return parent if parent in MODULES else None


def imports(path):
    """Returns the modules of ours that a file imports, at its top or later."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {module_of(name) for name in names if name.split(".")[0] == "qcompiler"} - {None}


IMPORTS = {name: imports(path) - {name} for name, path in MODULES.items()}


def part_of(module):
    return module.split(".")[1]


def circles(graph):
    """Returns the groups of a graph's nodes that reach each other (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_every_part_has_its_layer():
    assert {part_of(module) for module in MODULES} == set(HEIGHT)


def test_no_import_climbs():
    climbing = [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in others
        if part_of(module) != part_of(other)
        if HEIGHT[part_of(module)] <= HEIGHT[part_of(other)]
    ]
    assert climbing == []


def test_no_circles_of_files():
    # A package's own `__init__` gathers what is in it: its modules are what is asked about.
    assert circles(IMPORTS) == []


def test_no_circles_of_packages():
    graph = {part: set() for part in HEIGHT}
    for module, others in IMPORTS.items():
        graph[part_of(module)] |= {part_of(other) for other in others} - {part_of(module)}
    assert circles(graph) == []


@pytest.mark.parametrize("graph", [{"a": {"b"}, "b": {"a"}}, {"a": {"b"}, "b": {"c"}, "c": {"a"}}])
def test_circles_are_found(graph):
    assert circles(graph) == [sorted(graph)]
