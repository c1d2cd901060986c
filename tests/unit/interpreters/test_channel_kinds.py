"""Channels that are alike are looked at once, and forms hold rows for all of them again."""

import subprocess
import sys

import numpy as np
import pytest

from qcompiler.assembly import parse_module
from qcompiler.dialects import qint
from qcompiler.errors import ModelError
from qcompiler.interpreters import run_model
from qcompiler.interpreters.channel_kinds import channel_kinds
from qcompiler.passes.pipeline import make_context, run_passes

ROWS = np.float32([0.5, 2.0, -1.25, 2.0, 0.5, 0.5])


X, Y, WIDE, Q = (
    "!qint.int<-60, 60>",
    "!qint.int<-9, 9>",
    "!qint.int<-128, 127>",
    'rounding = "half_even"}',
)


def real(name, given, scale):
    attributes = f"{{scale = {scale} : f32, zero_point = 0 : i64}}"
    return f"%{name} = qint.dequantize %{given} {attributes} : ({X}) -> f32\n"


def text(count, summand, *, joined=False):
    """quantize(0.5 * x + summand), with 0.25 * y between if `joined`, on `count` channels."""
    given, made = f"tensor<1x{count}x{X}>", f"tensor<1x{count}x{Y}>"
    names = ["x", "y"] if joined else ["x"]
    body = real("r", "bx", 0.5)
    body += (
        real("s", "by", 0.25) if joined else "%s = nn.parameter dense<0.0> : tensor<1xf32> -> f32\n"
    )
    return f"""builtin.module attributes {{qint.numerics = "exact"}} {{
func.func @main({", ".join(f"%{n} : {given}" for n in names)}) -> {made} {{
  %z = qint.{"join" if joined else "requantize"} {", ".join(f"%{n}" for n in names)} axis 1 {{
  ^bb0({", ".join(f"%b{n} : {X}" for n in names)}):
    {body}
    %t = nn.add %r, %s : (f32, f32) -> f32
    %p = nn.parameter {summand} -> f32
    %u = nn.add %t, %p : (f32, f32) -> f32
    %q = qint.quantize %u {{scale = 0.7 : f32, zero_point = 0 : i64, {Q} : (f32) -> {Y}
    qint.yield %q : {Y}
  }} : ({", ".join(given for _ in names)}) -> {made}
  func.return %z : {made}
}}
}}"""


def dense(row):
    return f"dense<{row.tolist()}> : tensor<{row.size}xf32>"


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("row", [ROWS, ROWS[:3], ROWS[1:2].repeat(4)])
def test_codes_are_those_of_each_channel(joined, row):
    module = parse_module(make_context(), text(row.size, dense(row), joined=joined))
    random = np.random.default_rng(0)
    inputs = [random.integers(-60, 61, (300, 1, row.size)) for _ in range(1 + joined)]
    real = 0.5 * inputs[0] + (0.25 * inputs[1] if joined else 0) + row.astype(np.float64)
    wanted = np.clip(np.rint(real / np.float64(np.float32(0.7))), -9, 9)
    np.testing.assert_array_equal(run_model(module, inputs)[0].reshape(wanted.shape), wanted)
    run_passes(module, ["select-requantizer"])
    np.testing.assert_array_equal(run_model(module, inputs)[0].reshape(wanted.shape), wanted)


@pytest.mark.parametrize(("row", "count"), [(ROWS, 3), (ROWS[:3], 3), (ROWS[1:2].repeat(4), 1)])
def test_kinds(row, count):
    module = parse_module(make_context(), text(row.size, dense(row)))
    (op,) = (op for op in module.walk() if isinstance(op, qint.RequantizeOp))
    kinds = channel_kinds(op.scalar_body, row.size)
    assert kinds.count == count
    np.testing.assert_array_equal(row[kinds.first][np.broadcast_to(kinds.of_each, row.shape)], row)
    (parameter,) = (o for o in kinds.body.operations if o.name == "nn.parameter" and o.array.any())
    np.testing.assert_array_equal(parameter.array, row[kinds.first])
    assert max(o.array.size for o in op.walk() if o.name == "nn.parameter") == row.size
    split = channel_kinds(op.scalar_body, row.size, np.arange(row.size))
    assert split.count == row.size


def test_bounds_that_no_int64_holds_tell_channels_apart():
    module = parse_module(make_context(), text(4, dense(ROWS[1:2].repeat(4))))
    (op,) = (op for op in module.walk() if isinstance(op, qint.RequantizeOp))
    kinds = channel_kinds(op.scalar_body, 4, np.array([2**70, 5, 2**70, -(2**70)], object))
    assert kinds.count == 3
    assert kinds.of_each[0] == kinds.of_each[2] != kinds.of_each[3]


LIMITED = """
import resource, sys
from qcompiler.assembly import parse_module
from qcompiler.passes.pipeline import make_context, run_passes
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
module = parse_module(make_context(), sys.stdin.read())
run_passes(module, ["infer-ranges", "select-requantizer"])
"""


@pytest.mark.parametrize("joined", [False, True])
def test_sixteen_million_channels_that_are_alike_fit_one_gib(joined):
    given = text(2**24, "dense<0.25> : tensor<1xf32>", joined=joined)
    run = subprocess.run([sys.executable, "-c", LIMITED], input=given, text=True, check=False,
                         capture_output=True)  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")


def test_more_positions_than_hardware_stores_are_refused():
    rows = np.zeros(2**23, np.float32)
    rows[5] = 1
    module = parse_module(make_context(), text(8, dense(np.arange(8, dtype=np.float32))))
    (op,) = (op for op in module.walk() if isinstance(op, qint.RequantizeOp))
    with pytest.raises(ValueError, match="vary over 8388608 positions, at most 4194304 allowed"):
        channel_kinds(op.scalar_body, 2**23, rows)
    each = np.arange(2**17)
    with pytest.raises(ValueError, match=r"differ at 131072 positions, .* at most 65536 allowed"):
        channel_kinds(op.scalar_body, 2**17, each)


def test_too_many_steps_are_counted_in_the_refusal():
    """Sums that float32 rounds are no one multiplication; a threshold each would be 4 million."""
    rows = np.linspace(0.1, 7, 30_000).astype(np.float32)
    given = text(rows.size, dense(rows)).replace('"exact"', '"onnxruntime"')
    with pytest.raises(ModelError) as refused:
        run_passes(parse_module(make_context(), given.replace(Y, WIDE)), ["select-requantizer"])
    (problem,) = refused.value.problems
    assert problem.what.startswith("30000 channels with parameters of their own have up to 120 ")
    assert "numerics exact" in problem.remedy
