"""What a reset amid the frames may change: frames that had begun are lost, states begin anew."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.simulators import Reset
from qcompiler.backends.weight_sets import Weights
from qcompiler.dialects.attributes import Array


def random_cycles(count: int, cycles: int, seed: int) -> tuple[int, ...]:
    """Returns cycles for resets, at most `count`, within a run of so many cycles."""
    drawn = np.random.default_rng(seed).integers(1, max(2, cycles), count)
    return tuple(sorted({int(cycle) for cycle in drawn}))


def expected_after(
    design: CompiledDesign,
    integers: Sequence[Array],
    resets: Sequence[Reset],
    weights: Sequence[Weights] = (),
) -> tuple[Array, ...]:
    """Returns what the interpreter makes of frames when each reset begins a sequence.

    Args:
        design: with or without states.
        integers: one array per input of the hardware, as `CompiledDesign.core` takes them.
        resets: that there were.
        weights: sets that the host writes; after a reset it begins with the first one again.
    """
    given = list(integers)
    if design.takes_swaps:
        starts = sorted({0, *(reset.next_frame for reset in resets)})
        parts = [
            design.core([array[start:stop] for array in given], weights=weights)
            for start, stop in pairwise([*starts, len(given[0])])
            if start < stop
        ]
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
    if not design.initial_states:
        return design.core(given)
    if len(given) < len(design.network.port_channels[0]):
        given.append(np.zeros((len(given[0]), 1), np.int64))
    begins = given[-1].copy()
    begins[[reset.next_frame for reset in resets if reset.next_frame < len(begins)]] = 1
    return design.core([*given[:-1], begins])


def frames_kept(frames: int, port: str, resets: Sequence[Reset]) -> Array:
    """Returns for each frame of an output port whether it was given: no reset lost it."""
    kept = np.ones(frames, np.bool_)
    for reset in resets:
        kept[reset.delivered[port] : reset.next_frame] = False
    return kept
