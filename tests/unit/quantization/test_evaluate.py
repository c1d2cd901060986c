"""Networks side by side: accuracy, layers, robustness."""

import numpy as np
import pytest
from float_networks import float_outputs, frames, residual_network
from onnx_models import save
from scipy.linalg import eigh

import qcompiler
from qcompiler.errors import ModelError
from qcompiler.quantization.spade import laplacian, spade


@pytest.fixture
def networks(tmp_path):
    path = save(residual_network(), tmp_path, "float.onnx")
    x = frames(40)
    made = qcompiler.quantize(path, {"image": x}, weight_bits=3, activation_bits=4)
    return [path, made.write(tmp_path / "w3a4.onnx")], x


def test_side_by_side(networks):
    paths, x = networks
    labels = float_outputs(residual_network(), x).argmax(axis=1)
    labels[:10] = (labels[:10] + 1) % 10
    found = qcompiler.evaluate(paths, {"image": x, "labels": labels})
    assert [score.kind for score in found.scores] == ["float", "quantized", "compiled"]
    assert found.scores[0].accuracy == 0.75
    assert found.scores[0].snr_db is None
    quantized, compiled = found.scores[1:]
    assert quantized.accuracy == compiled.accuracy
    assert quantized.agreement == compiled.agreement
    assert quantized.snr_db == pytest.approx(compiled.snr_db, rel=1e-5)
    assert [layer.name for layer in found.layers] == [
        "stem", "conv1", "conv2", "depthwise", "scores"
    ]  # fmt: skip
    assert found.worst("w3a4.onnx").loss_db == max(layer.loss_db for layer in found.layers)
    assert all(2 < layer.snr_db < 30 for layer in found.layers)


def test_designs_and_no_labels(networks, tmp_path):
    paths, x = networks
    directory = qcompiler.compile(paths[1]).write(tmp_path / "design")
    found = qcompiler.evaluate([paths[1], directory], {"image": x}, robustness=True)
    assert [score.kind for score in found.scores] == ["quantized", "compiled", "compiled"]
    assert {score.accuracy for score in found.scores} == {None}
    assert len({score.spade for score in found.scores}) == 1
    assert all(len(score.least_robust) == 10 for score in found.scores)


def test_spade_needs_frames(networks):
    paths, x = networks
    with pytest.raises(ModelError, match="5 samples, and 10 neighbours"):
        qcompiler.evaluate(paths[:1], {"image": x[:5]}, robustness=True)


def test_eigenvalues_of_a_dense_solver():
    random = np.random.default_rng(0)
    x = random.standard_normal((200, 20))
    y = np.tanh(x @ random.standard_normal((20, 10)))
    dense = eigh(laplacian(x, 10).toarray(), laplacian(y, 10).toarray(), eigvals_only=True)
    found = spade(x, y)
    np.testing.assert_allclose(found.eigenvalues, dense[:-3:-1], rtol=1e-6)
    assert found.parts == 1


def test_outputs_that_fall_apart_are_said():
    """Two classes far from each other: no edge joins them, and the score is that of 1e-6."""
    x = np.random.default_rng(0).standard_normal((60, 8))
    y = 100 * np.sign(x[:, :1]) + 0.1 * x
    found = spade(x, y)
    assert found.parts == 2
    assert found.score > 1e3 * spade(x, x).score
