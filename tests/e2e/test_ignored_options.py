"""No option is ignored in silence: it is followed, or refused with the reason."""

import numpy as np
import pytest
from cli_runner import contents, qcc, saved_mlp
from onnx_models import F32, model, node, quant, save

import qcompiler
from qcompiler import ModelError
from qcompiler.passes.select_folding import SelectFoldingPass


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model, its IR after every pass, and a design of it."""
    folder = tmp_path_factory.mktemp("ignored")
    design = qcompiler.compile(saved_mlp(folder), cycles=4)
    design.write(folder / "design")
    return folder


NN, QINT, STREAM = "design/ir/nn.mlir", "design/ir/qint.mlir", "design/ir/stream.mlir"
FROM_QINT = ("--from", "select-requantizer")
FROM_STREAM = ("--from", "size-fifos")
IR = [
    (NN, ("--input", "x=uint8:0.5"), "--input this is IR, whose types say"),
    (NN, ("--numerics", "onnxruntime"), "made for numerics exact, not onnxruntime"),
    (QINT, (*FROM_QINT, "--numerics", "onnxruntime"), "--numerics"),
    (QINT, (*FROM_QINT, "--input", "x=uint8:0.5", "--numerics", "onnxruntime"), "2 problems"),
    (QINT, (*FROM_QINT, "--requantizer", "table"), "--requantizer has no effect"),
    (QINT, (*FROM_QINT, "--pass-before", "fold-scales=canonicalize"), "--pass-before fold-scales"),
    (QINT, (*FROM_QINT, "--pass-after", "fold-scales=canonicalize"), "--pass-after fold-scales"),
    (STREAM, (*FROM_STREAM, "--cycles", "8"), "--cycles has no effect: select-folding"),
    (STREAM, (*FROM_STREAM, "--fps", "8", "--max-luts", "9"), "--fps has no effect"),
    (STREAM, (*FROM_STREAM, "--folding", "f.json"), "--folding has no effect"),
]
MODEL = [
    (("--from", "fold-scales"), 1, "--from net.onnx is no IR that a pass left"),
    (("--input", "x=uint8:1", "--input", "x=int8:1"), 1, "is given twice for x"),
    (("--multipliers", "any"), 1, "--multipliers has no effect: only a device or a budget"),
    (("--emit", "qint", "-o", "out"), 2, "-o has no effect with --emit"),
    (("--emit", "verilog", "--json"), 2, "--json has no effect with --emit"),
    (("--emit", "rtl", "--weights", "w.npz"), 2, "--weights has no effect with --emit"),
    (("--emit", "nn", "--validate"), 2, "--validate has no effect with --emit nn"),
    (("--emit", "nn", "--print-ir-after", "all"), 2, "--print-ir-after has no effect"),
    (("--emit", "nn", "--pass-after", "fold-scales=canonicalize"), 2, "--pass-after has no"),
    (("--emit", "nn", "--cycles", "4"), 1, "--cycles has no effect"),
    (("--passes", "fold-constants", "-o", "out"), 2, "-o has no effect with --passes"),
    (("--passes", "fold-constants", "--emit", "qint"), 2, "--emit has no effect with --passes"),
    (("--passes", "fold-constants", "--json"), 2, "--json has no effect with --passes"),
    (("--passes", "fold-constants", "--cycles", "4"), 1, "--cycles has no effect"),
    (("--passes", "select-folding{target-cycles=2}", "--cycles", "4"), 1, "options of its own"),
    (("--passes", "fold-constants", "--print-ir-after", "fold-scales"), 2, "fold-scales does not"),
    (("--print-ir-after", "fold-scale"), 2, "did you mean fold-scales"),
]
DESIGN = [
    (("verify", "--device", "ecp5-25k"), "--device has no effect without --netlist"),
    (("verify", "--from-file", "v.npy", "--vectors", "9"), "--vectors has no effect with"),
    (("synth", "--seed", "3"), "--seed has no effect without --place"),
    (("synth", "--mhz", "3"), "--mhz has no effect without --place"),
    (("synth", "--project", "vivado", "--place", "--no-dsp"), "--place, --no-dsp has no effect"),
    (("synth", "--project", "quartus", "--seed", "2"), "--seed has no effect with --project"),
    (("synth", "--project", "quartus", "--timeout", "2", "--memory", "1"), "--timeout, --memory"),
]


@pytest.mark.parametrize(("file", "options", "words"), IR)
@pytest.mark.parametrize("command", ["compile", "check"])
def test_of_textual_ir(capfd, written, tmp_path, monkeypatch, file, options, words, command):
    if command == "check" and "--from" in options:
        return
    monkeypatch.chdir(tmp_path)
    result = qcc(capfd, command, written / file, *options)
    assert (result.status, list(tmp_path.iterdir())) == (1, [])
    assert words in result.words


@pytest.mark.parametrize(("options", "status", "words"), MODEL)
def test_of_a_model(capfd, written, tmp_path, monkeypatch, options, status, words):
    monkeypatch.chdir(tmp_path)
    result = qcc(capfd, "compile", written / "net.onnx", *options)
    assert (result.status, list(tmp_path.iterdir())) == (status, [])
    assert words in result.words


@pytest.mark.parametrize(("arguments", "words"), DESIGN)
def test_of_a_design(capfd, written, arguments, words):
    before = contents(written / "design")
    result = qcc(capfd, arguments[0], written / "design", *arguments[1:])
    assert result.status == 2
    assert words in result.words
    assert contents(written / "design") == before


def test_what_the_ir_means_anyway_may_be_said(written, tmp_path):
    text = [str(written / NN), "--numerics", "exact", "-o", str(tmp_path / "out")]
    assert qcompiler.cli.main.main(["compile", *text]) == 0


def test_of_a_module(written):
    module = qcompiler.compile(written / NN, passes=[]).level("nn")
    with pytest.raises(ModelError, match="--numerics"):
        qcompiler.compile(module, numerics="onnxruntime")
    with pytest.raises(ModelError, match="--input"):
        qcompiler.compile(module, inputs={"x": "uint8:1"})
    with pytest.raises(ModelError, match="options of its own"):
        qcompiler.compile(module, passes=[SelectFoldingPass(4)], cycles=8)


def test_integers_of_an_input_that_has_a_quantizer(capfd, tmp_path):
    """Given for a float input, they are what the driver takes."""
    nodes = [quant("x", "xq"), quant("w", "wq"), node("MatMul", ["xq", "wq"], ["y"], name="fc")]
    constants = {"w": F32(np.ones((4, 2))), "q_scale": F32(0.5), "q_zero": F32(0)}
    path = save(model(nodes, {**constants, "q_bits": F32(4)}), tmp_path)
    result = qcc(capfd, "compile", path, "--input", "x=uint8:1", "-o", tmp_path / "out")
    assert result.status == 0
    made = qcompiler.load(tmp_path / "out").predict(np.array([[5, 0, 1, 2]]))
    np.testing.assert_array_equal(made, [[3.5 + 1 + 2] * 2])  # codes of 4 bits, steps of a half
    with pytest.raises(ValueError, match="takes integers from 0 to 255"):
        qcompiler.load(tmp_path / "out").predict(np.array([[0.5, 0, 1, 2]]))


@pytest.mark.parametrize(("cycles", "notes"), [(4, 2), (1, 0)])
def test_of_parallel_layers_where_there_are_none(capfd, written, tmp_path, cycles, notes):
    given = ("--cycles", cycles, "--effort", 1, "--shared-among", 2, "-o", tmp_path / "out")
    result = qcc(capfd, "compile", written / "net.onnx", *given)
    assert result.status == 0
    said = " ".join(result.out.split())
    assert said.count("has no effect: no layer is fully parallel") == notes
