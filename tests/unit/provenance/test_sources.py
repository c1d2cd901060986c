import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, NameLoc, StringAttr, UnknownLoc

from qcompiler.dialects import qint
from qcompiler.provenance.sources import identifier, source_node, source_of


@given(st.text(max_size=200), st.integers(1, 60))
def test_any_text_gives_an_identifier(text, limit):
    name = identifier(text, "layer", limit)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, re.ASCII)
    assert len(name) <= limit + len("layer_")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "layer"),
        ("/", "layer"),
        ("___", "layer"),
        ("层/卷积", "layer"),
        ("été", "t"),
        ("fc1; $finish; //", "fc1_finish"),
        ('x\n`include "/etc/passwd"', "x_include_etc_passwd"),
        ("a" * 100, "a" * 40),
        (
            "/encoder/layers.0/dense1/Relu_output_0_QuantizeLinear_Output",
            "encoder_layers_0_dense1_Relu",
        ),
        (
            "encoder.layers.0.feedforward.dense1.weight_quantized",
            "layers_0_feedforward_dense1_weight",
        ),
        ("/encoder/layers.0/feedforward/dense1/MatMul", "layers_0_feedforward_dense1_MatMul"),
        ("input_QuantizeLinear", "input"),
        ("QuantizeLinear", "QuantizeLinear"),
        ("conv1_DequantizeLinear_3", "conv1"),
        ("/net/net.0/act_quant/export_handler/Quant_output_0", "net_0_act_quant_Quant"),
    ],
)
def test_hostile_and_long_names(text, expected):
    assert identifier(text, "layer") == expected


def test_names_that_begin_with_a_digit_get_a_letter():
    assert identifier("9", "layer")[0] == "l"
    assert identifier("9", "layer").endswith("9")


def test_a_message_names_the_best_that_is_known():
    op = qint.ConstantOp(np.array([1]))
    assert (source_node(op), source_of(op)) == (None, "qint.constant")
    op.result.name_hint = "w"
    assert source_of(op) == "%w (qint.constant)"
    op.location = FileLineColLoc(StringAttr("net.mlir"), IntAttr(3), IntAttr(1))
    assert (source_node(op), source_of(op)) == (None, "net.mlir:3 (qint.constant)")
    op.location = NameLoc(StringAttr("fc1/Quant"), UnknownLoc())
    assert (source_node(op), source_of(op)) == ("fc1/Quant", "fc1/Quant (qint.constant)")
