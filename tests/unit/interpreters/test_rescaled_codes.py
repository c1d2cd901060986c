"""Codes that onnxruntime's kernels multiply once: nn and the integers give the same."""

import numpy as np
import pytest
from xdsl.parser import Parser

from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_context

TEXT = """
builtin.module attributes {{qint.numerics = "onnxruntime"}} {{
  func.func @main(%x: tensor<2x!qint.int<0, 255>>) -> tensor<2x!qint.int<-128, 127>> {{
    %d = qint.dequantize %x {{scale = 0.125 : f32, zero_point = {zero}}} : (tensor<2x!qint.int<0, 255>>) -> tensor<2xf32>
    %q = qint.quantize %d {{scale = 0.0625 : f32, zero_point = 3 : i64, rounding = "half_even", zero_point_after_rounding}} : (tensor<2xf32>) -> tensor<2x!qint.int<-128, 127>>
    func.return %q : tensor<2x!qint.int<-128, 127>>
  }}
}}
"""  # noqa: E501


@pytest.mark.parametrize("zero", [0, 125])
def test_zero_points_of_what_is_multiplied_count(zero):
    module = Parser(make_context(), TEXT.format(zero=f"{zero} : i64")).parse_module()
    codes = np.arange(256).reshape(128, 2)
    (found,) = run(module, "main", [codes])
    np.testing.assert_array_equal(found, np.clip(2 * (codes - zero) + 3, -128, 127))
