"""Weights that are not in the hardware: images of them, sets that the host writes, their bench."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from qcompiler.analysis.network import Network
from qcompiler.arith.bus_words import check_weights
from qcompiler.backends.simulators.base import RtlDesign, SimulationResult, Stimulus
from qcompiler.backends.simulators.exchange import stall_threshold
from qcompiler.backends.simulators.weight_bench import (
    LATENCY,
    STEM,
    TRAFFIC,
    Behaviour,
    WeightBench,
    write_weight_bench,
)
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array, int_dense
from qcompiler.provenance.sources import source_node
from qcompiler.rtl.blocks.weight_reader import BURST_BEATS, regions_of
from qcompiler.weight_places import EXTERNAL, WRITABLE

Weights: TypeAlias = Mapping[str, Array]
"""Weights of layers by the model's node, each as `stream.weights` has them: [inputs, outputs]."""

Beats: TypeAlias = NDArray[np.uint8]
"""Beats of a bus, [beats, bytes]."""


def layers_at(network: Network, place: str) -> dict[str, stream.WeightSourceOp]:
    """Returns the layers whose weights are at a place, in order, by what they go by.

    That is the model's node, or the process's name without one. Of a node with several products,
    such as an LSTM, the second one is `NODE_2`, and so on.
    """
    found = [(name, source) for name, source in network.sources if source.place.data == place]
    names = _distinct(source_node(source.unit) or name for name, source in found)
    return dict(zip(names, (source for _, source in found), strict=True))


def _distinct(names: Iterable[str]) -> list[str]:
    """Returns names of which none is there twice; what is gets the next number that is free."""
    given = list(names)
    found: list[str] = []
    for name in given:
        number, free = 1, name
        while free in found or (number > 1 and free in given):
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def external_image(network: Network) -> Beats | None:
    """Returns what the memory beside the chip holds; None if no weights are there."""
    sources = [source for _, source in network.sources if not source.is_writable]
    if not sources:
        return None
    regions = regions_of([source.bus_beats for source in sources])
    beats = (regions[-1].burst + regions[-1].bursts) * BURST_BEATS
    image = np.zeros((beats, sources[0].bus_bits // 8), np.uint8)
    for region, source in zip(regions, sources, strict=True):
        start = region.burst * BURST_BEATS
        image[start : start + region.beats] = source.bus_words(source.stored.array)
    return image


def written_set(network: Network, weights: Weights) -> Beats:
    """Returns the beats with which the host writes a set of weights.

    Args:
        network: with weights that the host writes.
        weights: of its layers; those of the model for layers that are left out.

    Raises:
        ValueError: a layer is unknown, or weights are of another shape or beyond what is declared.
    """
    sources = layers_at(network, WRITABLE)
    unknown = [name for name in weights if name not in sources]
    if unknown:
        raise ValueError(f"no writable weights of {unknown[0]!r}; there are {', '.join(sources)}")
    parts: list[Beats] = []
    for layer, source in sources.items():
        stored, bounds = source.stored.array, source.channel.element.range
        given = np.asarray(weights.get(layer, stored))
        check_weights(layer, given, stored.shape, (bounds.lo, bounds.hi))
        parts.append(source.bus_words(given.astype(np.int64)))
    return np.concatenate(parts)


def external_bytes(network: Network) -> int:
    """Returns the bytes of weights that a frame reads from the memory beside the chip."""
    return sum(source.bus_bytes for _, source in network.sources if not source.is_writable)


def weights_told(network: Network, cycles: int, mhz: float) -> dict[str, Any]:
    """Returns what a report says of weights that are not in the hardware; empty if all are.

    Args:
        network: of the design.
        cycles: of a frame, of the whole design.
        mhz: its clock.
    """
    told: dict[str, Any] = {}
    read = layers_at(network, EXTERNAL)
    if read:
        beats = sum(source.bus_beats for source in read.values())
        size = external_bytes(network)
        told["external"] = {
            "bytes_per_frame": size,
            "bus_bits": next(iter(read.values())).bus_bits,
            "bus_cycles_per_frame": beats,
            "megabytes_per_second": size * mhz / cycles,
            "layers": {name: source.bus_bytes for name, source in read.items()},
        }
    written = layers_at(network, WRITABLE)
    if written:
        told["writable"] = {
            "bytes_per_set": sum(source.bus_bytes for source in written.values()),
            "bus_bits": next(iter(written.values())).bus_bits,
            "layers": {
                name: {
                    "bytes": source.bus_bytes,
                    "shape": list(source.stored.array.shape),
                    "lo": source.channel.element.lo.data,
                    "hi": source.channel.element.hi.data,
                }
                for name, source in written.items()
            },
        }
    return told


def weight_traffic(network: Network, result: SimulationResult) -> float | None:
    """Returns the bytes a frame that a simulation read from the memory beside the chip.

    They are counted over the second quarter of the frames: before it buffers fill, and towards the
    end less is read, as the next frames' weights are there already.

    Returns:
        None without such a memory, or for too few frames.
    """
    sources = [source for _, source in network.sources if not source.is_writable]
    frames = len(result.last_out_cycle)
    if not sources or frames < _FEWEST_FRAMES:
        return None
    beats = result.frames[TRAFFIC.name].reshape(frames, -1).copy().view("<u8").reshape(-1)
    start, stop = frames // 4, frames // 2
    moved = int(beats[stop]) - int(beats[start])
    return moved * sources[0].bus_bits / 8 / (stop - start)


_FEWEST_FRAMES = 8
"""Frames of a simulation that tells what a frame reads."""


def random_set(network: Network, rng: np.random.Generator, *, extreme: bool) -> Weights:
    """Returns weights that the host may write; each of them one of its bounds if `extreme`."""
    found: dict[str, Array] = {}
    for layer, source in layers_at(network, WRITABLE).items():
        bounds, shape = source.channel.element.range, source.stored.array.shape
        codes = rng.integers(bounds.lo, bounds.hi + 1, shape)
        ends = np.where(rng.random(shape) < 0.5, bounds.lo, bounds.hi)
        found[layer] = ends if extreme else codes
    return found


def sets_in_turn(
    network: Network, model: ModuleOp, swaps: Array | None, sets: Sequence[Weights], frames: int
) -> Iterator[tuple[ModuleOp, slice]]:
    """Yields the model with each set of weights, and the frames that use it.

    Args:
        network: of the design.
        model: the same at the qint level, or the stream level.
        swaps: a number for each frame, 1 where it is the first to use the next set; the first frame
            is in any case. None: all use the first set.
        sets: that the host writes one after the other; those of the model if there are none.
        frames: how many there are.

    Raises:
        ValueError: there are fewer sets than the frames use, or one does not fit.
    """
    begins = [] if swaps is None else np.flatnonzero(swaps).tolist()
    starts = sorted({0, *begins})
    no_others: list[Weights] = [{}]
    given = list(sets) or no_others * len(starts)
    if len(given) < len(starts):
        raise ValueError(f"frames use {len(starts)} sets of weights, got {len(given)}")
    for weights, (start, stop) in zip(given, pairwise([*starts, frames]), strict=False):
        written_set(network, weights)  # checks it
        yield (with_values(model, weights) if weights else model), slice(start, stop)


def with_values(model: ModuleOp, weights: Weights) -> ModuleOp:
    """Returns a copy of a model, at the qint or the stream level, with other writable weights."""
    copy = model.clone()
    values: list[tuple[str, qint.ConstantOp | stream.WeightsOp]] = []
    for op in copy.walk():
        if isinstance(op, qint.MatMulOp | qint.ConvOp):
            owner = op.operands[1].owner
            if isinstance(owner, qint.ConstantOp) and owner.is_written:
                values.append((source_node(op) or "", owner))
        elif isinstance(op, stream.WeightSourceOp) and op.is_writable:
            values.append((source_node(op) or "", op.stored))
    for layer, (_, value) in zip(_distinct(node for node, _ in values), values, strict=True):
        if layer in weights:
            array = np.asarray(weights[layer], np.int64).reshape(value.array.shape)
            value.properties["value"] = int_dense(array)
    return copy


def weight_map(network: Network) -> dict[str, Any]:
    """Returns where each layer's weights are in the image, and in a set that the host writes.

    A word has the weights of a step, from the low bits on, each in two's complement; `order` says
    which they are: places in the layer's matrix [inputs, outputs], row by row.
    """
    found: dict[str, Any] = {}
    for place in (EXTERNAL, WRITABLE):
        sources = layers_at(network, place)
        regions = regions_of([source.bus_beats for source in sources.values()])
        first = 0
        for (layer, source), region in zip(sources.items(), regions, strict=True):
            size = source.bus_bits // 8
            start = region.burst * BURST_BEATS if place == EXTERNAL else first
            first += source.bus_beats
            shape = source.stored.array.shape
            places = np.arange(int(np.prod(shape))).reshape(shape)
            found[layer] = {
                "place": place,
                "offset": start * size,
                "bytes": source.bus_bytes,
                "bus_bits": source.bus_bits,
                "shape": list(shape),
                "lo": source.channel.element.lo.data,
                "hi": source.channel.element.hi.data,
                "weight_bits": source.channel.element.width_bits,
                "word_bits": source.word_bits,
                "order": source.unit.weight_words(places).tolist(),
            }
    return found


def bench_of(network: Network, sets: Sequence[Weights] = (), stem: str = STEM) -> WeightBench:
    """Returns what a test bench brings: the image, and the sets that the host writes.

    Args:
        network: of the design.
        sets: that the host writes; those of the model if none are given.
        stem: of the bench's files, see `WeightBench`.
    """
    written = None
    if network.takes_swaps:
        written = np.concatenate([written_set(network, weights) for weights in sets or ({},)])
    return WeightBench(external_image(network), written, stem)


def with_weights(
    network: Network, rtl: RtlDesign, folder: Path, sent: Stimulus, sets: Sequence[Weights]
) -> RtlDesign:
    """Returns what to simulate in place of a design whose weights are elsewhere.

    Args:
        network: of the design.
        rtl: the design.
        folder: for the files of the bench.
        sent: memory and host stall as its ports do.
        sets: that the host writes; those of the model if none are given.
    """
    bench = bench_of(network, sets)
    around = write_weight_bench(folder, rtl, bench)
    stalls = stall_threshold(sent.stall_probability_in)
    latency = _LATENCY_WITH_STALLS if stalls else LATENCY
    bench.set_behaviour(folder, Behaviour(stalls, latency, 2 * sent.seed + 1))
    return around


_LATENCY_WITH_STALLS = 40
"""Cycles to the first beat of a burst, at least, in a memory that stalls."""
