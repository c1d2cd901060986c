"""IR written after any pass compiles on to the same Verilog, byte for byte."""

from pathlib import Path

import pytest
from cli_runner import contents, qcc, saved_mlp
from written_ir import ir_after

import qcompiler
from qcompiler import pipelines
from qcompiler.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
MODELS = {
    "mlp": (EXAMPLES / "digits_mlp" / "digits_mlp.onnx", "64"),
    "cnn": (EXAMPLES / "digits_cnn" / "digits_cnn_qonnx.onnx", "2304"),
}


@pytest.fixture(scope="module", params=MODELS)
def written(request, tmp_path_factory):
    """A design with the IR after every pass, the large constants of which are in a file."""
    model, cycles = MODELS[request.param]
    out = tmp_path_factory.mktemp(request.param) / "design"
    arguments = ["compile", str(model), "--cycles", cycles, "--print-ir-after", "all"]
    assert main([*arguments, "--weights", "weights.npz", "-o", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(number, name, marks=[pytest.mark.sweep] if number % 3 else [])
        for number, name in enumerate(pipelines.DEFAULT, 1)
    ],
)
def test_from_every_pass(written, tmp_path, number, name):
    path = written / "ir" / f"{number:02}-{name}.mlir"
    assert main(["compile", str(path), "--from", name, "-o", str(tmp_path / "out")]) == 0
    assert contents(tmp_path / "out" / "rtl") == contents(written / "rtl")


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        ("rtl", [], "the IR is at the level rtl, which fold-constants does not take"),
        ("stream", [], "select-requantizer for ir/qint.mlir, select-ram-style for ir/stream.mlir"),
        ("stream", ["--from", "infer-ranges"], "level stream, which prune-channels does not take"),
        ("*-fold-scales", ["--from", "select-folding"], "nn, which form-pipelines does"),
    ],
)
def test_ir_of_another_level_is_refused(capfd, written, tmp_path, file, options, words):
    (path,) = (written / "ir").glob(f"{file}.mlir")
    result = qcc(capfd, "compile", path, *options, "-o", tmp_path / "out")
    assert result.status == 1
    assert words in result.words


def test_constants_in_the_text_give_the_same(written, tmp_path):
    """The example of the guide: no --weights, and the API instead of the command."""
    design = qcompiler.compile(ir_after(written / "ir", "infer-ranges"), start="infer-ranges")
    design.write(tmp_path / "plain")
    assert not list((tmp_path / "plain" / "ir").glob("*.npz"))
    assert contents(tmp_path / "plain" / "rtl") == contents(written / "rtl")


def test_a_design_compiled_on_from_processes_simulates_in_the_interpreter(written, tmp_path):
    path = ir_after(written / "ir", "size-fifos")
    assert main(["compile", str(path), "--from", "size-fifos", "-o", str(tmp_path / "out")]) == 0
    design, whole = qcompiler.load(tmp_path / "out"), qcompiler.load(written)
    head = whole.ports[0][1].frame_shape
    assert design.names("inputs") == whole.names("inputs")
    assert design.ports[0][1].frame_shape == head


def test_the_command_line_overrides_what_the_file_carries(capfd, tmp_path):
    path = saved_mlp(tmp_path)
    out = tmp_path / "a"
    arguments = ["--print-ir-after", "infer-ranges", "-o", out]
    assert qcc(capfd, "compile", path, "--cycles", "1", "--mhz", "200", *arguments).status == 0
    ir = ir_after(out / "ir", "infer-ranges")
    for options, cycles in (([], 1), (["--cycles", "8"], 8)):
        result = qcc(capfd, "compile", ir, "--from", "infer-ranges", "-o", tmp_path / "b", *options)
        assert f"predicted: {cycles} cycles a frame" in result.out
        assert "at 200 MHz" in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--from", "nosuch"], 1, "the pipeline has no pass 'nosuch'"),
        (["--weights", "../w.npz"], 2, "constants go to NAME.npz beside the text"),
        (["--pass-after", "nosuch=cse"], 1, "the pipeline has no pass 'nosuch'"),
        (["--pass-after", "infer-ranges=nosuch"], 1, "no pass is called 'nosuch'"),
        (["--pass-before", "infer-ranges"], 2, "must be NAME=PASSES"),
        (["--pass-after", "infer-ranges=cse{depth=1}"], 1, "depth"),
    ],
)
def test_wrong_requests(capfd, tmp_path, options, status, words):
    result = qcc(capfd, "compile", saved_mlp(tmp_path), "-o", tmp_path / "out", *options)
    assert (result.status, words in result.words) == (status, True), result.words
    assert not (tmp_path / "out").exists()
