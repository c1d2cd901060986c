"""Models that other people made import and verify."""

from pathlib import Path

import pytest
from onnx_models import body

from qcompiler.frontends.onnx import import_onnx, inspect_problems, parse_input_option

REPOSITORY = Path(__file__).parents[4]
MODELS = REPOSITORY.parent / "shared" / "models"
pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason=f"no models of others at {MODELS}")

ZOO = {
    "jet_tagging_w6a6": (["global_in=int16:0.0009765625"], 11, (1, 5)),
    "kws_mlp_w3a3": ([], 8, (1, 12)),
    "tfc_w1a1": (["0=uint8:0.00392157"], 8, (1, 10)),
    "tfc_w2a2": ([], 8, (1, 10)),
    "unsw_nb15_mlp_w2a2": (["onnx::Add_0=bipolar:1"], 8, (1, 1)),
}


@pytest.mark.parametrize("name", ZOO)
def test_zoo(name):
    options, quantizers, shape = ZOO[name]
    path = MODELS / "qonnx_zoo" / f"{name}.onnx"
    module = import_onnx(path, inputs=dict(map(parse_input_option, options)))
    module.verify()
    ops = [op.name for op in body(module)]
    assert ops.count("qint.quantize") == quantizers
    assert body(module)[-1].operands[0].type.get_shape() == shape


def test_models_beyond_today_fail_with_problems_only():
    """None of the others may crash; what is wrong with them changes as operations are added."""
    for path in sorted(MODELS.glob("*/*.onnx")):
        for problem in inspect_problems(path):
            assert problem.where
            assert problem.what
            assert problem.remedy
