"""What a user does wrong, through the real command: clear message, status, nothing written."""

import json
import subprocess
import sys

import numpy as np
import pytest
from cli_runner import contents, qcc, saved_mlp, small_mlp
from onnx import TensorProto, helper, numpy_helper
from onnx_models import F32, PARAMETERS, model, node, quant, save

from qcompiler import load
from qcompiler.backends.simulators import RtlDesign, lint, lint_icarus
from qcompiler.backends.written import load_design


def refused(capfd, folder, path, *words, options=()):
    """Compiling fails with status 1, says all of `words`, and writes nothing."""
    before = sorted(folder.rglob("*"))
    result = qcc(capfd, "compile", path, "-o", folder / "out", *options)
    assert result.status == 1
    for word in words:
        assert word in result.words
    assert "Traceback" not in result.words
    assert result.out == ""
    assert sorted(folder.rglob("*")) == before
    return result


def test_not_an_onnx_file(capfd, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"%PDF-1.4 this is no model")
    refused(capfd, tmp_path, path, str(path), "is not an ONNX file", "remedy:")


def test_truncated_file(capfd, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(small_mlp().SerializeToString()[:200])
    refused(capfd, tmp_path, path, "truncated", "complete")


def test_missing_file(capfd, tmp_path):
    refused(capfd, tmp_path, tmp_path / "no.onnx", "no.onnx", "does not exist")


def _unsupported():
    nodes = [
        quant("x", "xq"),
        node("RNN", ["xq", "w", "w"], ["c"], name="memory", hidden_size=1),
        node("LRN", ["xq"], ["p"], name="norm", size=3),
        node("Frobnicate", ["xq"], ["f"], name="mystery"),
    ]
    constants = {**PARAMETERS, "w": F32(np.ones((1, 4, 4)))}
    shapes = {"x": [1, 1, 4, 4]}
    return model(nodes, constants, inputs=shapes, outputs=("c", "p", "f"))


def test_all_unsupported_operations_at_once(capfd, tmp_path):
    words = (
        "memory (ONNX RNN)", "this recurrent layer is not supported", "use LSTM or GRU",
        "norm (ONNX LRN)", "normalization by statistics", "use batch normalization",
        "mystery (ONNX Frobnicate)", "operation ONNX Frobnicate is not supported",
        "3 problems",
    )  # fmt: skip
    refused(capfd, tmp_path, save(_unsupported(), tmp_path), *words)


def test_check_lists_the_same_problems_as_json(capfd, tmp_path):
    result = qcc(capfd, "check", save(_unsupported(), tmp_path), "--json")
    assert result.status == 1
    said = json.loads(result.out)
    assert not said["compiles"]
    assert [p["where"].split(" ")[0] for p in said["problems"]] == ["memory", "norm", "mystery"]
    assert all(p["what"] and p["remedy"] for p in said["problems"])


def test_check_of_a_good_model(capfd, tmp_path):
    result = qcc(capfd, "check", saved_mlp(tmp_path))
    assert (result.status, result.words) == (0, "")
    assert "compiles" in result.out


def test_float_network_without_quantizers(capfd, tmp_path):
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    path = save(model(nodes, {"w": F32(np.ones((4, 2)))}), tmp_path)
    refused(capfd, tmp_path, path, "quantize")


def test_nan_weight(capfd, tmp_path):
    weights = np.ones((4, 4), F32)
    weights[2, 3] = np.nan
    refused(capfd, tmp_path, saved_mlp(tmp_path, w1=weights), "w1", "nan", "remedy:")


@pytest.mark.parametrize("scale", [0.0, -0.25, np.inf])
def test_scale_that_is_no_scale(capfd, tmp_path, scale):
    path = saved_mlp(tmp_path, q_scale=F32(scale))
    refused(capfd, tmp_path, path, f"scale must be positive and finite, got {scale:g}", "xq")


def test_dynamic_shapes(capfd, tmp_path):
    proto = small_mlp()
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "features"
    refused(capfd, tmp_path, save(proto, tmp_path), "x (input)", "features", "remedy:")


def test_tensor_that_claims_100_gigabytes(capfd, tmp_path):
    proto = small_mlp()
    proto.graph.initializer.append(
        TensorProto(name="big", data_type=TensorProto.FLOAT, dims=[25, 10**9], raw_data=b"\0" * 64)
    )
    path = save(proto, tmp_path)
    assert path.stat().st_size < 2000
    refused(capfd, tmp_path, path, "big (initializer)", "[25, 1000000000]")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "a/../../secret.bin"])
def test_external_data_outside_of_the_folder(capfd, tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    folder = tmp_path / "model"
    folder.mkdir()
    proto = small_mlp()
    tensor = proto.graph.initializer[3]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    refused(capfd, tmp_path, save(proto, folder), "w1 (initializer)", "remedy:")


def test_input_without_quantizer_names_the_option(capfd, tmp_path):
    nodes = [quant("w", "wq"), node("MatMul", ["x", "wq"], ["y"])]
    path = save(model(nodes, {**PARAMETERS, "w": F32(np.ones((4, 2)))}), tmp_path)
    refused(capfd, tmp_path, path, "without a quantizer", "--input x=")
    result = qcc(capfd, "compile", path, "-o", tmp_path / "out", "--input", "x=int8:0.5")
    assert result.status == 0


def test_input_option_for_an_unknown_input(capfd, tmp_path):
    path = saved_mlp(tmp_path)
    refused(capfd, tmp_path, path, "nosuch", options=["--input", "nosuch=int8:1"])


HOSTILE = 'a;b"\n$(x)`/**/\\'


@pytest.mark.parametrize("name", [HOSTILE, "n" * 10_000, "module", "", "ö/я 漢字"])
def test_any_name_compiles_to_clean_verilog(capfd, tmp_path, name):
    proto = small_mlp()
    for index in (2, 6):
        proto.graph.node[index].name = name
    proto.graph.name = name
    proto.graph.output[0].name = proto.graph.node[-1].output[0] = name or "y"
    path = save(proto, tmp_path, "a;b $(x).onnx")
    result = qcc(capfd, "compile", path, "-o", tmp_path / "out")
    assert result.status == 0, result.words
    _, rtl = load_design(tmp_path / "out")
    assert lint(rtl) == ""
    for file, content in contents(tmp_path / "out").items():
        assert max(map(len, file.split("/"))) < 100
        if file.startswith("rtl/") and file.endswith(".v"):
            _check_verilog(content.decode("ascii"))


def _check_verilog(text):
    """Comments end where their line does, and code has no word of the model's names."""
    for line in text.splitlines():
        code = line.split("//")[0]
        assert "$(x)" not in code
        assert "`" not in code.replace("`default_nettype", "").replace("`timescale", "")
        assert "\\" not in code


def test_hostile_names_in_icarus(capfd, tmp_path):
    proto = small_mlp()
    proto.graph.node[2].name = HOSTILE
    qcc(capfd, "compile", save(proto, tmp_path), "-o", tmp_path / "out")
    _, rtl = load_design(tmp_path / "out")
    try:
        said = lint_icarus(RtlDesign(rtl.top, rtl.sources, rtl.ports))
    except Exception as error:
        pytest.skip(str(error))
    assert said == ""


def test_shares_are_shown_of_a_device_that_was_asked_for(capfd, tmp_path):
    path = saved_mlp(tmp_path)
    shown = qcc(capfd, "compile", path, "-o", tmp_path / "out").out
    (line,) = (line for line in shown.splitlines() if line.startswith("estimated: "))
    assert "%" not in line
    assert "LUT" in line
    assert "in the family ecp5 (no --device given)" in line
    shown = qcc(capfd, "compile", path, "--device", "ice40-up5k", "-o", tmp_path / "out").out
    (line,) = (line for line in shown.splitlines() if line.startswith("estimated: "))
    assert line.endswith(" of ice40-up5k")
    assert "%) of ice40-up5k" in line
    assert load(tmp_path / "out").report().device == "ice40-up5k"


def test_directory_that_is_not_ours_is_left_alone(capfd, tmp_path):
    path = saved_mlp(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    refused(capfd, tmp_path, path, "exists and is not a design of qcompiler", "nothing was written")
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


def test_file_in_place_of_the_directory(capfd, tmp_path):
    path = saved_mlp(tmp_path)
    (tmp_path / "out").write_text("a file")
    refused(capfd, tmp_path, path, "exists and is not a design of qcompiler")


def test_an_earlier_build_is_replaced_whole(capfd, tmp_path):
    path, out = saved_mlp(tmp_path), tmp_path / "out"
    assert qcc(capfd, "compile", path, "-o", out).status == 0
    first = contents(out)
    (out / "rtl" / "stale.v").write_text("module stale; endmodule")
    assert qcc(capfd, "compile", path, "-o", out).status == 0
    assert contents(out) == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "out"]


def test_failed_build_keeps_the_earlier_one(capfd, tmp_path):
    out = tmp_path / "out"
    assert qcc(capfd, "compile", saved_mlp(tmp_path), "-o", out).status == 0
    first = contents(out)
    refused(capfd, tmp_path, saved_mlp(tmp_path, q_scale=F32(0)), "scale must be positive")
    assert contents(out) == first


def _folding(folder, content):
    path = folder / "folding.json"
    path.write_text(content)
    return ["--folding", path]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"fc1_mvau": {"PE": 3, "SIMD": 8}}',
         ("PE must divide 4, got 3", "SIMD must divide 4, got 8", "choose one of 1, 2, 4")),
        ('{"fc9": {"PE": 1}}', ("fc9", "no such layer", "fc1_mvau", "fc2_mvau")),
        ('{"fc1_mvau": {"PE": "two"}}', ("expected PE as an integer",)),
        ("[1, 2", ("cannot read the folding",)),
        ("[]", ("must be a JSON object",)),
    ],
)  # fmt: skip
def test_folding_files(capfd, tmp_path, content, words):
    options = _folding(tmp_path, content)
    refused(capfd, tmp_path, saved_mlp(tmp_path), *words, options=options)


def test_missing_folding_file(capfd, tmp_path):
    options = ["--folding", tmp_path / "no.json"]
    refused(capfd, tmp_path, saved_mlp(tmp_path), "no.json", "cannot read", options=options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--cycles", "0"], "must be a positive integer, got 0"),
        (["--cycles", "many"], "--cycles"),
        (["--fps", "-1"], "must be a positive number, got -1"),
        (["--fps", "10", "--cycles", "3"], "not allowed with"),
        (["--numerics", "close"], "invalid choice"),
        (["--input", "x"], "NAME=TYPE:SCALE"),
        (["--input", "x=float:1"], "input type must be"),
        (["--emit", "gds"], "invalid choice"),
        (["--print-ir-after", "nosuch"], "nosuch does not run; these do: fold-constants"),
        (["--passes", "nosuch"], "no pass is called 'nosuch'"),
    ],
)
def test_wrong_usage_is_status_2(capfd, tmp_path, options, words):
    path = saved_mlp(tmp_path)
    written = [] if "--passes" in options else ["-o", tmp_path / "out"]
    result = qcc(capfd, "compile", path, *written, *options)
    assert result.status == 2
    assert words in result.words
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["synthesise"], ["compile"], ["verify"]])
def test_wrong_commands_are_status_2(capfd, arguments):
    result = qcc(capfd, *arguments)
    assert result.status == 2
    assert "usage: qcc" in result.words


def test_verify_of_something_else(capfd, tmp_path):
    result = qcc(capfd, "verify", tmp_path)
    assert result.status == 1
    assert "is no design" in result.words
    assert "run qcc compile first" in result.words


def test_opt_reports_where_the_text_is_wrong(capfd, tmp_path):
    path = tmp_path / "bad.mlir"
    path.write_text("func.func @f() {\n  qint.nonsense }\n")
    result = qcc(capfd, "opt", path)
    assert result.status == 1
    assert "bad.mlir:2" in result.words
    assert "\\n" not in result.words


def test_the_installed_command(tmp_path):
    """Once in a process of its own: status, streams, and no traceback."""
    path = saved_mlp(tmp_path)
    command = [sys.executable, "-m", "qcompiler.cli.main", "compile"]
    good = subprocess.run(
        [*command, path, "-o", tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert good.returncode == 0, good.stderr
    assert "fc1_pipeline" in good.stdout
    bad = subprocess.run(
        [*command, tmp_path / "no.onnx"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "does not exist" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_weights_may_be_stored_beside_the_model(capfd, tmp_path):
    proto = small_mlp()
    tensor = proto.graph.initializer[3]
    (tmp_path / "w.bin").write_bytes(numpy_helper.to_array(tensor).tobytes())
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    result = qcc(capfd, "compile", save(proto, tmp_path), "-o", tmp_path / "out")
    assert result.status == 0, result.words


def test_graph_of_nothing(capfd, tmp_path):
    path = save(helper.make_model(helper.make_graph([], "g", [], [])), tmp_path)
    refused(capfd, tmp_path, path, "empty graph")
