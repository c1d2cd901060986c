"""Ranges of reals hold every value that the interpreter finds, and are tight where exact."""

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.parser import Parser

from qcompiler.analysis.real_ranges import RealRanges
from qcompiler.interpreters import run_model
from qcompiler.passes.pipeline import make_context

T, X = "tensor<1x2x4x4xf32>", "tensor<1x2x4x4x!qint.int<-5, 9>>"
CASES = {
    "sums": (f"%y = nn.sub %x, %c : ({T}, tensor<2x1x1xf32>) -> {T}", (-8, 11), True),
    "products": (f"%y = nn.mul %x, %c : ({T}, tensor<2x1x1xf32>) -> {T}", (-18, 27), True),
    "quotients": (f"%y = nn.div %x, %c : ({T}, tensor<2x1x1xf32>) -> {T}", (-4.5, 3), False),
    "square": (f"%y = nn.mul %x, %x : ({T}, {T}) -> {T}", (-45, 81), True),
    "clip": (f"%y = nn.clip %x {{lo = -2.0 : f32, hi = 2.5 : f32}} : ({T}) -> {T}", (-2, 2.5),
             False),
    "negative": (f"%y = nn.neg %x : ({T}) -> {T}", (-9, 5), True),
    "cut": (f"%y = nn.relu %x : ({T}) -> {T}", (0, 9), True),
    "bits": (f"%y = nn.greater_equal %x, %c : ({T}, tensor<2x1x1xf32>) -> {T}", (0, 1), True),
    "root": (f"%y = nn.sqrt %x : ({T}) -> {T}", (-np.inf, np.inf), False),
}  # fmt: skip


def module_of(line: str):
    text = f"""func.func @main(%a : {X}) -> {T} {{
      %x = qint.dequantize %a {{scale = 1.0 : f32, zero_point = 0 : i64}} : ({X}) -> {T}
      %c = nn.constant dense<[[[3.0]], [[-2.0]]]> : tensor<2x1x1xf32> -> tensor<2x1x1xf32>
      {line}
      func.return %y : {T}
    }}"""
    module = Parser(make_context(), text).parse_module()
    module.verify()
    return module


def result(module):
    (main,) = (op for op in module.ops if isinstance(op, func.FuncOp))
    return main.get_return_op().operands[0]


@pytest.mark.parametrize("name", CASES)
def test_range(name):
    line, ends, integral = CASES[name]
    module = module_of(line)
    found = RealRanges().of(result(module))
    assert np.allclose(found.ends, ends, rtol=1e-12)
    assert found.integral is integral
    x = np.random.default_rng(0).integers(-5, 9, (50, 1, 2, 4, 4), endpoint=True)
    with np.errstate(invalid="ignore"):
        (values,) = run_model(module, [x])
    assert np.all((values >= found.lo) & (values <= found.hi) | np.isnan(values))


def test_convolution_counts_its_weights_and_padding():
    weights = np.zeros((2, 1, 3, 3))
    weights[0, 0, 1] = [1, -2, 3]
    weights[1, 0, 0, 0] = 7
    shape = "tensor<2x1x3x3xf32>"
    window = (
        "strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>"
    )
    line = f"""%w = nn.constant dense<{weights.tolist()}> : {shape} -> {shape}
      %y = nn.conv %x, %w {{{window}, group = 2 : i64}} : ({T}, {shape}) -> {T}"""
    module = module_of(line)
    found = RealRanges().of(result(module))
    # Channel 0: 4 * 9 - 2 * -5 at most, and 4 * -5 - 2 * 9 at least. Channel 1: the padding is 0.
    assert found.lo.reshape(-1).tolist() == [-38, -35]
    assert found.hi.reshape(-1).tolist() == [46, 63]
    assert found.integral


def test_padding_counts_as_zero():
    shape = "tensor<1x2x3x3xf32>"
    window = (
        "strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>"
    )
    one = "tensor<1x1x4x4xf32>"
    text = f"""func.func @main(%a : tensor<1x2x4x4x!qint.int<2, 5>>) -> {one} {{
      %x = qint.dequantize %a {{scale = 1.0 : f32, zero_point = 0 : i64}} : (tensor<1x2x4x4x!qint.int<2, 5>>) -> {T}
      %w = nn.constant dense<1.0> : {shape} -> {shape}
      %y = nn.conv %x, %w {{{window}, group = 1 : i64}} : ({T}, {shape}) -> {one}
      func.return %y : {one}
    }}"""  # noqa: E501
    assert RealRanges().of(result(Parser(make_context(), text).parse_module())).ends == (0, 90)


def test_float32_bounds_nothing_that_it_rounds():
    module = module_of(CASES["quotients"][0])
    assert RealRanges("onnxruntime").of(result(module)).ends == (-np.inf, np.inf)
    module = module_of(CASES["products"][0])
    assert RealRanges("onnxruntime").of(result(module)).ends == (-18, 27)
