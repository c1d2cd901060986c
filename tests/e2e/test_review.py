"""What a first user tripped over: the driver's checks, rates out of reach, names in remedies."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from onnx_models import PARAMETERS, model, node, quant, save

import qcompiler
from qcompiler.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mlp" / "digits_mlp.onnx"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory):
    design = qcompiler.compile(EXAMPLE, cycles=256)
    return design, design.write(tmp_path_factory.mktemp("design") / "digits")


def load_driver(directory: Path):
    spec = spec_from_file_location("driver", directory / "driver" / "driver.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unquantized_input(folder: Path) -> Path:
    """A layer whose input `onnx::In` has no quantizer."""
    nodes = [quant("w", "wq"), node("MatMul", ["onnx::In", "wq"], ["y"], name="fc")]
    proto = model(
        nodes,
        {**PARAMETERS, "w": np.ones((2, 1), np.float32)},
        inputs={"onnx::In": [1, 2]},
    )
    return save(proto, folder)


def test_driver_refuses_what_predict_refuses(written):
    driver = load_driver(written[1])
    for bad in (np.zeros((10, 32)), np.full((1, 64), np.nan), np.zeros((0, 64))):
        with pytest.raises(ValueError, match=r"shape|NaN|empty"):
            driver.head(bad)
        with pytest.raises(ValueError, match=r"shape|NaN|empty"):
            written[0].predict(bad)


def test_a_written_design_can_be_loaded(written):
    design, directory = written
    loaded = qcompiler.load(directory)
    images = np.arange(128.0).reshape(2, 64) % 17
    np.testing.assert_array_equal(loaded.predict(images), design.predict(images))
    assert dict(loaded.verilog.files) == dict(design.verilog.files)


def test_a_rate_out_of_reach_is_an_error():
    with pytest.raises(qcompiler.ModelError, match="is not reached"):
        qcompiler.compile(EXAMPLE, fps=1e12)


def test_folding_files_may_name_the_node(tmp_path: Path):
    folding = tmp_path / "folding.json"
    folding.write_text(json.dumps({"fc1": {"PE": 16, "SIMD": 32}}))
    report = qcompiler.compile(EXAMPLE, folding=folding).report()
    assert report.layers[0].detail["PE"] == 16


def test_the_remedy_names_the_model_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = unquantized_input(tmp_path)
    assert main(["check", str(path)]) == 1
    assert "--input onnx::In=int16:" in capsys.readouterr().err
    assert main(["check", str(path), "--input", "onnx::In=int16:0.01"]) == 0


def test_verify_says_which_file_is_missing(written, tmp_path: Path, capsys):
    design, _ = written
    directory = design.write(tmp_path / "broken")
    (directory / "rtl" / f"{design.name}.v").unlink()
    assert main(["verify", str(directory)]) == 1
    assert f"rtl/{design.name}.v missing" in capsys.readouterr().err
