"""A pass that is wrong by one: validation names the operation, qcc reduce leaves hardly more."""

import re
from pathlib import Path

import pytest
import wrong_pass
from cli_runner import qcc, saved_mlp
from xdsl.dialects.builtin import ModuleOp

import qcompiler
from qcompiler.analysis.validation import ValidationError
from qcompiler.assembly import read_module
from qcompiler.delta_debugging import count_operations, reduce_module
from qcompiler.dialects import qint
from qcompiler.passes.pipeline import make_context

PLUGIN = wrong_pass.__file__
DIGITS = Path(__file__).parents[2] / "examples" / "digits_mlp" / "digits_mlp.onnx"


@pytest.fixture(scope="module")
def ir(tmp_path_factory):
    """The digits network before the wrong pass."""
    design = qcompiler.compile(DIGITS, cycles=64, requantizer="threshold")
    folder = tmp_path_factory.mktemp("digits")
    design.write(folder / "out")
    return folder / "out" / "ir" / "qint.mlir"


def test_compile_names_pass_operation_place_and_values():
    after = {"select-requantizer": wrong_pass.WrongFoldPass()}
    with pytest.raises(ValidationError) as caught:
        qcompiler.compile(DIGITS, requantizer="threshold", pass_after=after, validate=True)
    message = str(caught.value)
    assert re.match(r"wrong-fold: this pass changed act[12] \(qint.threshold\): where fc[12] "
                    r"\(qint.matmul\) is -?\d+, the output at \[0, \d\] is \S+ before, \S+ after",
                    message)  # fmt: skip


def test_opt_says_the_same(capfd, ir):
    result = qcc(capfd, "opt", ir, "--plugin", PLUGIN, "-p", "wrong-fold", "--validate")
    assert (result.status, result.out) == (1, "")
    assert "wrong-fold: this pass changed act" in result.words


def test_reduce_leaves_ten_operations_at_most(capfd, ir, tmp_path):
    out = tmp_path / "small.mlir"
    test = ["--test", "validate:wrong-fold", "--plugin", PLUGIN]
    result = qcc(capfd, "reduce", ir, *test, "-o", out)
    assert result.status == 0, result.words
    module = read_module(out, make_context())
    assert len([op for op in module.walk() if op is not module]) <= 10
    assert any(isinstance(op, qint.ThresholdOp) for op in module.walk())
    again = qcc(capfd, "opt", out, "--plugin", PLUGIN, "-p", "wrong-fold", "--validate")
    assert again.status == 1


def test_reduce_with_a_command(capfd, ir, tmp_path):
    out = tmp_path / "small.mlir"
    assert qcc(capfd, "reduce", ir, "--test", "grep -q qint.matmul {}", "-o", out).status == 0
    assert count_operations(read_module(out, make_context())) == 1


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("validate:cse", "the test does not hold for the input"),
        ("validate:nosuch", "no pass is called 'nosuch'"),
        ("/no/such/command", "No such file"),
    ],
)
def test_requests_that_cannot_be_met(capfd, ir, test, words):
    result = qcc(capfd, "reduce", ir, "--test", test)
    assert result.status == 1
    assert words in result.words


def test_the_input_of_a_reduction_is_not_changed(ir):
    module = read_module(ir, make_context())
    text = str(module)

    def has_threshold(candidate: ModuleOp) -> bool:
        return "qint.threshold" in str(candidate)

    assert count_operations(reduce_module(module, has_threshold)) == 1
    assert str(module) == text


def test_right_passes_pass(tmp_path):
    design = qcompiler.compile(saved_mlp(tmp_path), requantizer="threshold", validate=True)
    assert design.timing.cycles_per_frame > 0
