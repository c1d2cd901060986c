"""Products of two streams: simulated against the interpreter, at the rate that is predicted."""

import pytest
from stream_networks import Simulated, StreamNetwork, channel

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint, stream

NIBBLE, SIGNED = IntRange(0, 15), IntRange(-7, 8)

# (vectors' frame, matrices' frame, transposed, (PE, SIMD)); every frame takes 48 cycles or fewer.
CASES = [
    ((2, 3, 8), (2, 8, 6), False, (6, 1)),
    ((2, 3, 8), (2, 8, 6), False, (2, 4)),
    ((2, 3, 8), (2, 6, 8), True, (3, 2)),
    ((2, 3, 8), (2, 6, 8), True, (1, 8)),
    ((6, 4), (1, 4, 3), False, (3, 4)),  # one matrix for all, a vector a cycle
    ((6, 4), (1, 3, 4), True, (3, 4)),
    ((1, 4), (6, 4), True, (3, 2)),  # one vector: the matrix takes longer to come
    ((4, 1, 3), (4, 3, 4), False, (4, 3)),
]


def network() -> StreamNetwork:
    n = StreamNetwork()
    for frame, matrices, transposed, (pe, simd) in CASES:
        x = n.input(channel(SIGNED, frame, simd))
        kept = n.input(channel(NIBBLE, matrices, simd if transposed else pe))
        bounds = IntRange(-7 * 15 * frame[-1], 8 * 15 * frame[-1])
        element = qint.IntType(bounds.lo, bounds.hi)
        process = stream.MatMulOp(x, kept, element, transposed=transposed)
        process.fold(pe, simd)
        assert process.inferred_range == bounds
        n.output(process)
    return n


@pytest.fixture(scope="module", params=[None, 250])
def simulated(request, tmp_path_factory):
    return Simulated(network().design(request.param), tmp_path_factory.mktemp("matmul"))


@pytest.mark.simulation
def test_products_and_their_rate(simulated):
    result = simulated.check()
    assert simulated.design.timing.cycles_per_frame == 48
    assert result.cycles_per_frame == 48


@pytest.mark.simulation
@pytest.mark.parametrize("seed", [1, 2])
def test_products_under_stalls(simulated, seed):
    stalls = {"stall_probability_in": 0.4, "stall_probability_out": 0.4}
    simulated.check(frames=40, seed=seed, **stalls)
