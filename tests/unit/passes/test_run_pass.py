"""How passes are run, and whose fault it is when one stops."""

from textwrap import dedent

import numpy as np
import pytest
from cli_runner import qcc, saved_mlp
from msgspec.structs import replace
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from qcompiler import faults, plugins
from qcompiler.dialects import qint
from qcompiler.faults import InternalError
from qcompiler.frontends.onnx.registry import IMPORTERS
from qcompiler.passes import fold_scales
from qcompiler.passes.pipeline import run_pass
from qcompiler.provenance.sources import location_of_nodes

OURS = "this is a fault of qcompiler 0.1.0, not of the model"


def fails(*_: object) -> None:
    raise KeyError("no such thing")


def test_what_stops_a_pass_is_said_with_pass_and_operation():
    def broken(module: ModuleOp) -> None:
        assert [fails(op) for op in module.ops]

    inner = qint.ConstantOp(np.ones((1, 1), int))
    inner.location = location_of_nodes(["fc1"])
    with pytest.raises(InternalError) as caught:
        run_pass(Context(), ModuleOp([inner]), broken)
    assert caught.value.where == "pass broken, at fc1 (qint.constant)"
    assert caught.value.what.startswith(
        "KeyError: 'no such thing'; this is a fault of the plug-in "
    )
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError("deep"), MemoryError()])
def test_a_fault_of_ours_has_a_status_of_its_own(capfd, monkeypatch, tmp_path, error):
    def stops(*_: object) -> None:
        raise error

    monkeypatch.setattr(fold_scales, "plain_dequantize", stops)
    for command in (["check"], ["compile", "-o", tmp_path / "out"]):
        result = qcc(capfd, *command, saved_mlp(tmp_path))
        assert result.status == 3
        assert "internal error: pass fold-scales, at " in result.words
        assert f"{error!r}".rstrip("()").split("(")[0] in result.words
        assert OURS in result.words
        assert "Traceback" not in result.words
    assert not (tmp_path / "out").exists()


def test_the_traceback_is_printed_on_request(capfd, monkeypatch, tmp_path):
    monkeypatch.setattr(fold_scales, "plain_dequantize", fails)
    monkeypatch.setenv(faults.TRACEBACK, "1")
    result = qcc(capfd, "check", saved_mlp(tmp_path))
    assert "Traceback (most recent call last)" in result.words
    assert result.words.index("KeyError") < result.words.index("internal error")


def test_invalid_ir_names_the_operation(capfd, monkeypatch, tmp_path):
    def breaks(self: object, ctx: Context, module: ModuleOp) -> None:
        for op in module.walk():
            if isinstance(op, qint.DequantizeOp):
                op.properties["scale"] = qint.real_parameter(np.ones(77))
                return

    monkeypatch.setattr(fold_scales.FoldScalesPass, "apply", breaks)
    result = qcc(capfd, "check", saved_mlp(tmp_path))
    assert result.status == 3
    assert (
        "pass fold-scales, at xq (qint.dequantize) this pass left IR that does not" in result.words
    )
    assert "scale has 77 values, which needs an axis; " + OURS in result.words


def test_a_node_that_cannot_be_imported_is_named(capfd, monkeypatch, tmp_path):
    known = IMPORTERS["", "Relu"]
    monkeypatch.setitem(IMPORTERS, ("", "Relu"), replace(known, function=fails))
    result = qcc(capfd, "check", saved_mlp(tmp_path))
    assert result.status == 3
    assert "internal error: import, at relu (ONNX Relu): KeyError" in result.words


def test_what_stops_a_command_elsewhere_is_a_fault_too(capfd, monkeypatch, tmp_path):
    monkeypatch.setattr("qcompiler.cli.compile_command.check_target", fails)
    result = qcc(capfd, "compile", saved_mlp(tmp_path))
    assert result.status == 3
    assert "internal error: qcc compile KeyError" in result.words


PLUGIN = """
    from dataclasses import dataclass
    from xdsl.passes import ModulePass
    from qcompiler.dialects import qint

    @dataclass(frozen=True)
    class Mine(ModulePass):
        name = "mine-{name}"

        def apply(self, ctx, op):
            for inner in op.walk():
                if isinstance(inner, qint.DequantizeOp):
                    {statement}
                    return
"""


@pytest.mark.parametrize(
    ("name", "statement", "words"),
    [
        ("raises", "raise TypeError('mine')", "mine; this is a fault of the plug-in {}:13"),
        ("calls", "qint.AffineOp(inner.input, 1, 2)", "this is a fault of the plug-in {}:13"),
        ("value", "inner.properties['scale'] = 3",
         "scale is 3, of Python's int, where an attribute belongs, such as IntegerAttr; "
         "this is a fault of the plug-in {}, not"),
    ],
)  # fmt: skip
def test_a_fault_of_a_plugin_is_the_plugins(capfd, monkeypatch, tmp_path, name, statement, words):
    monkeypatch.setattr(plugins, "_loaded", {})
    path = tmp_path / f"{name}.py"
    path.write_text(dedent(PLUGIN).format(name=name, statement=statement))
    option = ["--plugin", path, "--pass-after", f"find-integers=mine-{name}"]
    result = qcc(capfd, "check", saved_mlp(tmp_path), *option)
    assert result.status == 3
    assert f"internal error: pass mine-{name}, at xq (qint.dequantize)" in result.words
    assert words.format(path) in result.words
    assert result.words.startswith("remedy: mend it there")
    last = result.lines[-1]
    assert last.startswith(f"internal error: pass mine-{name}, at xq (qint.dequantize): ")
    assert words.format(path) in last
