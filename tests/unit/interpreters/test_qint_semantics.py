"""qint in numpy: formulas, and an error instead of a wrap when a value leaves its range."""

import numpy as np
import pytest
from xdsl.parser import Parser
from xdsl.utils.exceptions import InterpretationError

from qcompiler.arith.exact_products import exact_matmul
from qcompiler.interpreters import qint as qint_semantics
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_context


def result_of(line: str, argument: str, result: str, x):
    text = f"func.func @f(%x : {argument}) -> {result} {{\n%y = {line} : ({argument}) -> {result}"
    module = Parser(make_context(), f"{text}\nfunc.return %y : {result}\n}}").parse_module()
    module.verify()
    (y,) = run(module, "f", [np.array(x)])
    return y.tolist()


def test_a_batch_is_requantized_some_frames_at_a_time(monkeypatch):
    line = (
        "qint.mul_shift %x {axis = 1 : i64, multiplier = dense<[3, 5]> : tensor<2xi64>, "
        "bias = dense<[1, -7]> : tensor<2xi64>, shift = 2 : i64}"
    )
    types = "tensor<3x2x!qint.int<-99, 99>>", "tensor<3x2x!qint.int<-128, 127>>"
    frames = np.random.default_rng(1).integers(-99, 100, (7, 3, 2))
    whole = result_of(line, *types, frames)
    for most in (1, 12, 13, 41):
        monkeypatch.setattr(qint_semantics, "_ELEMENTS_AT_A_TIME", most)
        assert result_of(line, *types, frames) == whole


CODES, SUMS, ENDS = (
    f"tensor<1x4x2x!qint.int<{ends}>>" for ends in ("-128, 200", "-1500, 1500", "-4000, 4000")
)
WEIGHTS = "tensor<2x1x2x!qint.int<-9, 7>>"
CHAIN = f"""
func.func @f(%x : {CODES}) -> {ENDS} {{
  %w = qint.constant dense<[[[7, -9]], [[4, 1]]]> : tensor<2x1x2xi8> -> {WEIGHTS}
  %s = qint.conv %x, %w {{WINDOW}} : ({CODES}, {WEIGHTS}) -> {SUMS}
  %c = qint.FORM : ({SUMS}) -> {CODES}
  %y = qint.conv %c, %w {{WINDOW}} : ({CODES}, {WEIGHTS}) -> {ENDS}
  func.return %y : {ENDS}
}}
"""
WINDOW = (
    "kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, "
    "pads_begin = array<i64: 1>, pads_end = array<i64: 0>, pad_value = 1 : i64, group = 2 : i64"
)
FORMS = [
    "mul_shift %s {multiplier = 5 : i64, bias = 2 : i64, shift = 4 : i64}",
    "float_scale %s {multiplier = 9000001 : i64, offset = -3 : i64, shift = 25 : i64, "
    "zero_point = 100 : i64}",
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.split()[0])
def test_integers_that_nobody_else_sees_are_the_same_in_narrow_types(form):
    text = CHAIN.replace("FORM", form).replace("WINDOW", WINDOW)
    module = Parser(make_context(), text).parse_module()
    module.verify()
    x = np.random.default_rng(2).integers(-128, 128, (5, 1, 4, 2))
    seen = []
    (heard,) = run(module, "f", [x], lambda op, made: seen.extend(y.dtype for y in made))
    (alone,) = run(module, "f", [x])
    assert alone.dtype == heard.dtype == np.int64
    assert (alone == heard).all()
    assert set(seen) == {np.dtype(np.int64)}


ROUNDED = {
    "half_even": [-2, -2, 0, 0, 2, 2],
    "floor": [-3, -2, -1, 0, 1, 2],
    "ceil": [-2, -1, 0, 1, 2, 3],
    "up": [-3, -2, -1, 1, 2, 3],
    "down": [-2, -1, 0, 0, 1, 2],
    "half_up": [-3, -2, -1, 1, 2, 3],
    "half_down": [-2, -1, 0, 0, 1, 2],
}


@pytest.mark.parametrize("mode", ROUNDED)
def test_quantize_rounds_as_qonnx_names_it(mode):
    line = f'qint.quantize %x {{scale = 0.5 : f32, zero_point = 0 : i64, rounding = "{mode}"}}'
    halves = [[-1.25, -0.75, -0.25, 0.25, 0.75, 1.25]]
    codes = result_of(line, "tensor<6xf32>", "tensor<6x!qint.int<-9, 9>>", halves)
    assert codes == [ROUNDED[mode]]


def test_quantize_saturates_and_dequantize_subtracts_the_zero_point():
    line = "qint.quantize %x {scale = dense<[0.5, 2.0]> : tensor<2xf32>, zero_point = 1 : i64, "
    line += 'rounding = "half_even", axis = 0 : i64}'
    codes = result_of(line, "tensor<2xf32>", "tensor<2x!qint.int<-2, 3>>", [[1, 1], [99, -99]])
    assert codes == [[3, 2], [3, -2]]
    line = "qint.dequantize %x {scale = 0.5 : f32, zero_point = dense<[1, -1]> : tensor<2xi8>, "
    line += "axis = 0 : i64}"
    reals = result_of(line, "tensor<2x!qint.int<-2, 3>>", "tensor<2xf32>", [[3, -2]])
    assert reals == [[1.0, -0.5]]


@pytest.mark.parametrize("after", ["", ", zero_point_after_rounding"])
def test_what_is_no_number_is_the_lowest_code(after):
    """As onnxruntime has it: the root of a negative number on the host."""
    line = 'qint.quantize %x {scale = 0.5 : f32, zero_point = 1 : i64, rounding = "half_even"'
    given = [[np.nan, np.inf, -np.inf]]
    codes = result_of(line + after + "}", "tensor<3xf32>", "tensor<3x!qint.int<-2, 3>>", given)
    assert codes == [[-2, 3, -2]]


FORMS = {
    "qint.affine %x {multiplier = -2 : i64, offset = 1 : i64}": lambda x: -2 * x + 1,
    "qint.shift %x {shift = 1 : i64, bias = 1 : i64, sign = -1 : i64}": lambda x: (1 - x) >> 1,
    "qint.shift %x {shift = -2 : i64, bias = 1 : i64, sign = 1 : i64}": lambda x: (x << 2) + 1,
    "qint.shift %x {shift = 1 : i64, bias = 1 : i64, sign = 1 : i64, tie_parity = 0 : i64}": (
        lambda x: np.rint(x / 2).astype(int)
    ),
    "qint.mul_shift %x {axis = 1 : i64, multiplier = 3 : i64, bias = -5 : i64, shift = 2 : i64}": (
        lambda x: (3 * x - 5) >> 2
    ),
    "qint.threshold %x {thresholds = dense<[[-1, 2]]> : tensor<1x2xi8>, sign = -1 : i64, "
    "lo = -1 : i64}": lambda x: -1 + (-x >= -1).astype(int) + (-x >= 2),
    "qint.table %x {entries = dense<[[5, 4, 3, 2, 1, 0, -1, -2]]> : tensor<1x8xi8>, "
    "x_lo = -4 : i64}": lambda x: 1 - x,
}


@pytest.mark.parametrize("line", FORMS)
def test_integer_operation_is_its_formula(line):
    x = np.arange(-4, 4)
    y = result_of(line, "tensor<8x!qint.int<-4, 3>>", "tensor<8x!qint.int<-99, 99>>", [x])
    assert y == [FORMS[line](x).tolist()]


@pytest.mark.parametrize(("x", "value"), [(3, 7), (-4, -7)])
def test_a_value_that_leaves_its_range_is_an_error(x, value):
    line = "qint.affine %x {multiplier = 2 : i64, offset = 1 : i64}"
    with pytest.raises(InterpretationError, match=rf"value {value} leaves .* range \[-6, 6\]"):
        result_of(line, "tensor<1x!qint.int<-4, 3>>", "tensor<1x!qint.int<-6, 6>>", [[x]])


def test_a_sum_that_leaves_its_range_is_an_error():
    text = """func.func @f(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 5>> {
      %w = qint.constant dense<1> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 1>>
      %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 5>>
      func.return %y : tensor<1x1x!qint.int<0, 5>>
    }"""  # noqa: E501
    module = Parser(make_context(), text).parse_module()
    assert run(module, "f", [np.array([[2, 3]])])[0].tolist() == [[[5]]]
    with pytest.raises(InterpretationError, match=r"%y \(qint.matmul\): value 6 leaves"):
        run(module, "f", [np.array([[3, 3]])])


@pytest.mark.parametrize("bound", [2**24, 2**53, 2**62])
@pytest.mark.parametrize("above", [0, 1])
def test_products_are_exact_at_and_above_the_bounds_of_floats(bound, above):
    # One more than a power of two is the first integer that the float type does not hold.
    lhs = np.array([[bound // 2, bound // 2, above]])
    rhs = np.ones((3, 1), np.int64)
    assert exact_matmul(lhs, rhs, bound + above).tolist() == [[bound + above]]


def test_sums_beyond_64_bits_are_of_python_integers():
    half = np.full((1, 2), 2**62)
    assert exact_matmul(half, np.array([[3], [1]]), 2**64).tolist() == [[2**64]]


def test_integers_given_for_reals_are_reals():
    line = 'qint.quantize %x {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "floor"}'
    image = np.array([[0, 3]], np.uint8)
    assert result_of(line, "tensor<2xf32>", "tensor<2x!qint.int<0, 9>>", image) == [[0, 6]]


RESCALED = """
builtin.module attributes {qint.numerics = "NUMERICS"} {
  func.func @f(%x : tensor<3x!qint.int<-99, 99>>) -> tensor<3x!qint.int<-9, 9>> {
    %r = qint.dequantize %x {scale = 0.00500000035 : f32, zero_point = 0 : i64APART}
      : (tensor<3x!qint.int<-99, 99>>) -> tensor<3xf32>
    %y = qint.quantize %r {scale = 0.05 : f32, zero_point = 0 : i64, rounding = "half_even"}
      : (tensor<3xf32>) -> tensor<3x!qint.int<-9, 9>>
    func.return %y : tensor<3x!qint.int<-9, 9>>
  }
}"""


@pytest.mark.parametrize(
    ("numerics", "apart", "codes"),
    [("onnxruntime", "", [0, 5, -5]), ("onnxruntime", ", apart", [0, 4, -4])],
)
def test_codes_that_are_rescaled_are_multiplied_once(numerics, apart, codes):
    """45 and -45 times 0.1 are ties in two steps; one factor is a little more than 0.1."""
    text = RESCALED.replace("NUMERICS", numerics).replace("APART", apart)
    module = Parser(make_context(), text).parse_module()
    module.verify()
    (y,) = run(module, "f", [np.array([[4, 45, -45]])])
    assert y.tolist() == [codes]
