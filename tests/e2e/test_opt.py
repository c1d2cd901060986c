"""qcc opt, through the real command."""

import io
import re
import sys

import pytest
from cli_runner import qcc

from qcompiler.universe import PASSES

TEXT = """
func.func @main(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-90, 90>> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-7, 7>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-7, 7>>) -> tensor<1x1x!qint.int<-90, 90>>
  func.return %y : tensor<1x1x!qint.int<-90, 90>>
}
"""  # noqa: E501
TARGET = '''
from dataclasses import dataclass
from xdsl.utils.target import Target

@dataclass(frozen=True)
class Names(Target):
    """The names of the operations."""
    name = "listed-names"
    def emit(self, ctx, module, output):
        output.write(" ".join(op.name for op in module.walk()))
'''


BREAKS = '''
from dataclasses import dataclass
from xdsl.dialects.builtin import UnitAttr
from xdsl.passes import ModulePass
from qcompiler.dialects import qint

@dataclass(frozen=True)
class BreaksPass(ModulePass):
    """Leaves a matrix product that its verifier refuses."""
    name = "breaks"
    def apply(self, ctx, op):
        for product in op.walk():
            if isinstance(product, qint.MatMulOp):
                product.properties["odd"] = UnitAttr()
'''


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "net.mlir"
    file.write_text(TEXT)
    return file


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        (["--print-ir-after"], 0, 2),
        (["--print-ir-before"], 2, 0),
        (["--print-ir-after=infer-ranges"], 0, 1),
        (["--print-ir-before", "infer-ranges", "--print-ir-after=all"], 1, 2),
    ],
)
def test_print_ir(capfd, path, options, before, after):
    result = qcc(capfd, "opt", "-p", "cse,infer-ranges", *options, path)
    assert result.status == 0
    assert result.words.count("// ----- IR before") == before
    assert result.words.count("// ----- IR after") == after
    assert "!qint.int<-3, 3>" in result.out


def test_print_ir_of_a_pass_that_does_not_run(capfd, path):
    result = qcc(capfd, "opt", "-p", "cse", "--print-ir-after=infer-ranges", path)
    assert result.status == 2
    assert "the pipeline has no pass infer-ranges" in result.words


def test_print_ir_of_a_pass_that_does_not_exist(capfd, path):
    result = qcc(capfd, "opt", "-p", "cse", "--print-ir-after", "nosuch", path)
    assert result.status == 2
    assert "--print-ir-after: the pipeline has no pass nosuch" in result.words


@pytest.mark.parametrize("options", [[], ["-"], ["-p", "cse", "-o", "-"]])
def test_standard_input(capfd, monkeypatch, options):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    result = qcc(capfd, "opt", *options)
    assert (result.status, result.words) == (0, "")
    assert "qint.matmul %x, %w" in result.out


def test_a_pass_that_leaves_wrong_ir_is_named(capfd, path, tmp_path):
    plugin = tmp_path / "breaks.py"
    plugin.write_text(BREAKS)
    result = qcc(capfd, "opt", "--plugin", plugin, "-p", "cse,breaks", path)
    assert result.status == 3
    assert "internal error: pass breaks, at %y (qint.matmul)" in result.words
    assert "this pass left IR that does not verify: pro" in result.words
    assert f"a fault of the plug-in {plugin}, not of the model" in result.words
    kept = qcc(capfd, "opt", "--plugin", plugin, "-p", "breaks", "--verify-each=false", path)
    assert (kept.status, kept.words) == (0, "")


def test_verify_each_before_the_file(capfd, path):
    assert qcc(capfd, "opt", "-p", "cse", "--verify-each", path).status == 0


def test_print_ir_diff(capfd, path):
    result = qcc(capfd, "opt", "-p", "cse,infer-ranges", "--print-ir-diff", path)
    assert "cse changes nothing" in result.words
    assert "- func.func @main" in result.words
    assert "+ func.func @main" in result.words


def test_elided_constants(capfd, path):
    result = qcc(capfd, "opt", "--elide-constants", "1", path)
    assert "dense_resource<__elided__> : tensor<2x1xi8>" in result.out
    assert "dense<[[1], [-1]]>" in qcc(capfd, "opt", "--elide-constants", "2", path).out


def test_validate(capfd, path):
    result = qcc(capfd, "opt", "-p", "cse,infer-ranges", "--validate", path)
    assert (result.status, result.words) == (0, "")


def test_split_input_and_place_of_errors(capfd, path):
    path.write_text(f"{TEXT}// -----\n{TEXT.replace('-1]]', '-9]]')}")
    result = qcc(capfd, "opt", "--split-input-file", path)
    assert result.status == 1
    assert f"{path}:10:3: qint.constant: values in [-9, 1] exceed the range" in result.words
    assert "^^^" in result.words
    shown = qcc(capfd, "opt", "--split-input-file", "--verify-diagnostics", path)
    assert shown.status == 0
    assert "exceed the range" in shown.out


def test_list_passes_has_each_pass_once(capfd):
    lines = qcc(capfd, "opt", "--list-passes").out.splitlines()
    names = [line.split()[0] for line in lines]
    assert [name for name in names if name in PASSES] == sorted(PASSES)  # other tests load plugins


@pytest.mark.parametrize("name", sorted(PASSES))
def test_explain_pass(capfd, name):
    result = qcc(capfd, "opt", "--explain-pass", name)
    assert result.out.startswith(f"{name}\n\n")
    assert "Before:" in result.out
    assert "Leaves alone:" in result.out


def test_explain_options_of_a_pass(capfd):
    assert "target-cycles: int = 0" in qcc(capfd, "opt", "--explain-pass", "select-folding").out


@pytest.mark.parametrize("text", ["--explain-pass=nosuch", "-pnosuch", "-pcse{"])
def test_wrong_usage(capfd, path, text):
    result = qcc(capfd, "opt", text, path)
    assert result.status == 2
    assert "Traceback" not in result.words


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("infer-range", "no pass is called 'infer-range'; did you mean 'infer-ranges'?"),
        ("select-folding{pe=2}", 'select-folding{pe=2}: Provided arguments ["pe"] not found'),
        ("select-folding{target-cycles=x}", "its options are target-cycles: int, folding: str"),
        ("infer-ranges{depth=2}", "it has no options"),
    ],
)
def test_wrong_pipelines(capfd, path, pipeline, words):
    result = qcc(capfd, "opt", "-p", pipeline, path)
    assert result.status == 2
    assert words in result.words


def test_a_target_of_a_plugin(capfd, path, tmp_path):
    plugin = tmp_path / "names_target.py"
    plugin.write_text(TARGET)
    result = qcc(capfd, "opt", "--plugin", plugin, "-t", "listed-names", path)
    assert result.out == "builtin.module func.func qint.constant qint.matmul func.return"


def test_constants_in_a_file(capfd, path, tmp_path):
    big = tmp_path / "big.mlir"
    values = ", ".join(f"[{n % 3}]" for n in range(64))
    text = TEXT.replace("[1], [-1]", values).replace("2x1", "64x1").replace("1x2", "1x64")
    big.write_text(text.replace("-90, 90", "-900, 900"))
    out = tmp_path / "out.mlir"
    result = qcc(capfd, "opt", big, "--weights", "w.npz", "-p", "infer-ranges", "-o", out)
    assert result.status == 0, result.words
    assert 'dense_resource<"w.npz:c0"> : tensor<64x1xi8>' in out.read_text()
    assert qcc(capfd, "opt", out).out == qcc(capfd, "opt", big, "-p", "infer-ranges").out


FLIPS = """
import numpy as np
from dataclasses import dataclass
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.passes import ModulePass
from qcompiler.dialects import qint

@dataclass(frozen=True)
class Flips(ModulePass):
    name = "flips"

    def apply(self, ctx, op):
        for inner in op.walk():
            if isinstance(inner, qint.ConstantOp):
                value = inner.properties["value"]
                values = [-v for v in value.get_values()]
                inner.properties["value"] = DenseIntOrFPElementsAttr.from_list(value.type, values)
"""


def test_differences_leave_out_large_constants(capfd, tmp_path):
    numbers = ", ".join(f"[{n % 7 - 3}]" for n in range(200))
    text = (
        TEXT.replace("[[1], [-1]]", f"[{numbers}]").replace("2x1", "200x1").replace("1x2", "1x200")
    )
    text = text.replace("<-90, 90>", "<-9000, 9000>")
    path, plugin = tmp_path / "large.mlir", tmp_path / "flips.py"
    path.write_text(text)
    plugin.write_text(FLIPS)
    run = ["opt", "--plugin", plugin, "-p", "infer-ranges,flips,cse", "--print-ir-diff", path]
    result = qcc(capfd, *run)
    assert result.status == 0, result.words
    assert "+++ after flips" in result.words
    by_flips = result.lines[result.lines.index("+++ after flips") :]
    changed = [line for line in by_flips if re.match(r"[+-] .*// contents [0-9a-f]{8}$", line)]
    assert [line[0] for line in changed] == ["-", "+"]
    assert "cse changes nothing" in result.words
    assert "-3], [-2], [-1]" not in result.words
    shown = qcc(capfd, *run[:-1], "--elide-constants", "1000", path)
    assert "- %w = qint.constant dense<" in shown.words


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--validat3", "--validate"),
        ("--paases=cse", "--passes"),
        ("--prnt-ir-diff", "--print-ir-diff"),
    ],
)
def test_misspelt_options_get_a_suggestion(capfd, path, given, meant):
    result = qcc(capfd, "opt", given, path)
    assert result.status == 2
    assert result.words.endswith(f"did you mean {meant}?")
