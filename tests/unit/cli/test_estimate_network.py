"""qcc estimate of networks that compile: the analytic model beside the schedules."""

import json
from pathlib import Path

import pytest

from qcompiler.cli.main import main

DIGITS = Path(__file__).parents[3] / "examples" / "digits_cnn" / "digits_cnn_qonnx.onnx"


@pytest.mark.parametrize("cycles", [64, 2304])
def test_a_model_beside_its_schedules(cycles, capsys):
    assert main(["estimate", str(DIGITS), "--cycles", str(cycles), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cycles_per_frame"] == found["exact"]["cycles_per_frame"] == cycles
    assert found["latency_cycles"] == pytest.approx(found["exact"]["latency_cycles"], rel=0.05)
    assert found["bottleneck"] == found["exact"]["bottleneck"]
    product = found["products"][0]
    assert product["cycles"] == product["macs"] / product["macs_per_cycle"]


def test_a_design(capsys, tmp_path):
    design = tmp_path / "design"
    assert main(["compile", str(DIGITS), "--cycles", "576", "-o", str(design)]) == 0
    capsys.readouterr()
    assert main(["estimate", str(design)]) == 0
    told = capsys.readouterr().out
    assert "cycles a frame: 576 by the analytic model, 576 by the schedules (+0.0 %)" in told
    assert "latency: " in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([str(DIGITS), "--gpu", "1,2"], "--gpu has no effect with MODEL"),
        (["--llm", "gpt2", "--cycles", "64"], "--cycles has no effect with --llm or --config"),
    ],
)
def test_options_of_the_other_kind(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(["estimate", *arguments])
    assert message in " ".join(capsys.readouterr().err.split())
