"""Every process of the stream dialect can be asked what its base class promises.

Each is taken from the example in its docstring, which therefore has to be valid IR.
"""

import re

import numpy as np
import pytest
from xdsl.parser import Parser

from qcompiler.analysis.area.process_area import process_area
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.dialects.stream.weighted import WeightBringer
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_context, run_passes
from qcompiler.rtl.build import is_known

PROCESSES = [
    op
    for op in stream.STREAM.operations
    # What brings weights is nothing without the unit it brings them to: test_weight_places.
    if issubclass(op, stream.Process) and not issubclass(op, WeightBringer)
]
_EXAMPLE = re.compile(r"Example: `(.*?)`\n", re.DOTALL)
_SIGNATURE = re.compile(r": \((.*)\)\s*->\s*(.*)$", re.DOTALL)


def _types(text):
    return re.findall(r"!stream\.channel<.*?lanes = \d+>", " ".join(text.split()))


def example(op_type):
    """The module around the example of an operation's docstring."""
    text = _EXAMPLE.search(op_type.__doc__)[1]
    taken, made = map(_types, _SIGNATURE.search(text).groups())
    names = re.findall(r"%\w+", text.partition("=")[2])[: len(taken)]
    results = ", ".join(re.findall(r"%\w+", text.partition("=")[0]))
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, taken, strict=True))
    outputs = ", ".join(made)
    weights = {
        "stream.mvau": "stream.weights @fc1 dense<-1> : tensor<32x32xi8>",
        "stream.vvau": f"stream.weights @dw dense<{[[1, -1]] * 9}> : tensor<9x2xi8>",
    }.get(op_type.name, "")
    return Parser(
        make_context(),
        f"{weights}\nfunc.func @core({arguments}) -> ({outputs}) {{\n{text}\n"
        f"func.return {results} : {outputs}\n}}",
    ).parse_module()


@pytest.fixture(params=PROCESSES, ids=lambda op: op.name)
def module(request):
    made = example(request.param)
    made.verify()
    return made


@pytest.fixture
def process(module):
    (found,) = (op for op in module.walk() if isinstance(op, stream.Process))
    return found


def test_its_semantics_stay_in_range(module, process):
    rng = np.random.default_rng(0)
    inputs = [
        rng.integers(c.element.range.lo, c.element.range.hi + 1, (3, *c.frame_shape))
        for c in process.input_channels
    ]
    results = run(module, "core", inputs)
    for channel, result in zip(process.output_channels, results, strict=True):
        assert result.shape == (3, *channel.frame_shape)
        assert channel.element.range.contains(IntRange(int(result.min()), int(result.max())))


def test_its_schedule_moves_every_beat_once(process):
    schedule = process.schedule()
    inputs = [
        c.with_lanes(n) for c, n in zip(process.input_channels, process.wanted_lanes, strict=True)
    ]
    for channels, times in (
        (inputs, schedule.consume),
        (process.output_channels, schedule.produce),
    ):
        for channel, at in zip(channels, times, strict=True):
            assert len(at) * schedule.turns == channel.beats
            assert (np.diff(at) > 0).all()
            assert 0 <= at[0] <= at[-1] < schedule.cycles
    assert process.cycles_per_frame >= max(c.beats for c in (*inputs, *process.output_channels))


def test_it_has_hardware_or_is_wires(module, process):
    assert is_known(process) != process.is_wires
    area = process_area(process, "ecp5")
    assert (area.luts + area.ffs > 0) != process.is_wires
    run_passes(module, ["insert-width-adapters", "pipeline-registers", "convert-stream-to-rtl"])


def test_it_says_what_it_is(process):
    assert process.pace
    assert all(isinstance(value, int | str) for value in process.facts.values())
    assert process.memory_bits >= 0
    inferred = process.inferred_range
    assert inferred is None or process.output_channels[0].element.range.contains(inferred)
