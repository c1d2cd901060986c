"""A part of the matrix of models that onnxruntime's quantizer makes; `benchmarks` runs all."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from benchmarks.everyday_networks import NETWORKS, SETTINGS, quantized
from benchmarks.quantize_static import Case, run_case
from qcompiler.design import Design


@pytest.fixture(autouse=True)
def without_advice():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def test_the_matrix_has_fifty_cases():
    assert len(NETWORKS) * len(SETTINGS) == 50


@pytest.mark.parametrize(
    ("network", "setting"),
    [
        ("relu6_depthwise", "qdq_u8s8_per_channel"),
        ("residual", "qoperator_s8s8_per_channel"),
        ("concat_split_sigmoid", "qoperator_u8u8"),
        ("nhwc_products", "qdq_s8s8"),
        ("pad_reduce_mean", "qoperator_u8u8"),
        ("pools_dense_softmax", "qoperator_u8u8"),
        ("silu", "qdq_s8s8"),
    ],
)
def test_integers_equal_onnxruntimes(tmp_path, network, setting):
    case = run_case(quantized(network, setting, tmp_path), network, setting, 8)
    assert case.status == "compiled", case.said
    assert min(case.differ.values()) == 0
    assert case.mismatches == 0
    assert case.good
    assert case.values > 50


def test_a_wrong_integer_is_seen(tmp_path, monkeypatch):
    path, predict = quantized("pad_reduce_mean", "qdq_s8s8", tmp_path), Design.predict
    monkeypatch.setattr(Design, "predict", lambda self, x: np.asarray(predict(self, x)) + 0.5)
    case = run_case(path, "pad_reduce_mean", "qdq_s8s8", 4)
    assert min(case.differ.values()) > 0
    assert case.apart == case.values
    assert not case.good


def test_what_counts_as_explained():
    assert Case("a", "b", differ={"plain": 3}, codes=90, ties=4).words == "4 of 90 codes are ties"
    assert Case("a", "b", differ={"plain": 3}, codes=90, ties=4).good
    assert not Case("a", "b", differ={"plain": 3}, codes=90, ties=4, mismatches=1).good
    assert not Case("a", "b", differ={"plain": 3}, codes=90, ties=4, apart=1).good
    assert Case("a", "b", differ={"plain": 3, "kernels": 0}).words == "equal (3 ties)"
    assert not Case("a", "b", status="failed").good
    assert Case("a", "b", status="refused").good
