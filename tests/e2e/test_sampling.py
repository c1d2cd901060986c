"""DeformConv and GridSample: onnxruntime, the integers and the Verilog agree.

All scales are powers of two, and numbers small: the runtime's float arithmetic is exact, so there
is no noise to be explained.
"""

from fractions import Fraction
from itertools import product
from math import floor

import numpy as np
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx_models import model, node, save

import qcompiler
from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import stream

CONSTANTS = {"z": np.int8(0), **{f"s{n}": np.float32(2.0**-n) for n in range(-2, 7)}}


def qdq(x, y, scale):
    """Quantizes x to y on the grid 2**-scale."""
    return [
        node("QuantizeLinear", [x, f"s{scale}", "z"], [f"{y}_q"]),
        node("DequantizeLinear", [f"{y}_q", f"s{scale}", "z"], [y]),
    ]


def weights(name, shape, rng, scale=2):
    """A dequantize of constant weights, and the constants."""
    codes = rng.integers(-7, 8, shape).astype(np.int8)
    return node("DequantizeLinear", [f"{name}_q", f"s{scale}", "z"], [name]), {f"{name}_q": codes}


def finished(nodes, constants, inputs):
    proto = model(nodes, CONSTANTS | constants, inputs=inputs, opset=22)
    proto.ir_version = 10  # the runtime refuses newer ones
    return proto


def deformable(rng, *, size=(6, 5), channels=4, fraction=0, reach=3, mask=False, **attributes):
    """A deformable convolution of quantized inputs; offsets are clipped to the reach."""
    group, parts = attributes.get("group", 1), attributes.get("offset_group", 1)
    strides, pads = attributes.get("strides", [1, 1]), attributes.setdefault("pads", [1] * 4)
    dilations = attributes.get("dilations", [1, 1])
    made = [
        (extent + 2 * pads[0] - 2 * d - 1) // s + 1
        for extent, s, d in zip(size, strides, dilations, strict=True)
    ]
    weight, constants = weights("w", (channels, channels // group, 3, 3), rng)
    inputs = {"x": [1, channels, *size], "o": [1, 18 * parts, *made]}
    read = ["x_real", "w", "o_real"]
    nodes = [
        *qdq("x", "x_real", 1),
        node("Clip", ["o", "lowest", "highest"], ["o_clipped"]),
        *qdq("o_clipped", "o_real", fraction),
        weight,
    ]
    if mask:
        inputs["m"] = [1, 9 * parts, *made]
        nodes += qdq("m", "m_real", 6)
        read += ["", "m_real"]
    nodes += [node("DeformConv", read, ["deform"], **attributes), *qdq("deform", "y", -2)]
    constants |= {"lowest": np.float32(-reach), "highest": np.float32(reach)}
    return finished(nodes, constants, inputs)


def square(rng, *, size=(8, 7), reach=7, depthwise=True, fraction=0):
    """CoDeNet's: one displacement a pixel, which a convolution computes, times the anchors."""
    channels = 4
    first, constants = weights("w1", (1, channels, 1, 1), rng, 4)
    group = channels if depthwise else 1
    second, more = weights("w2", (channels, channels // group, 3, 3), rng)
    anchors = np.array(list(product((-1, 0, 1), repeat=2)), np.float32).reshape(1, 18, 1, 1)
    constants |= more | {
        "lowest": np.float32(1 - reach), "highest": np.float32(1 + reach),
        "one": np.float32(1), "anchors": anchors,
    }  # fmt: skip
    nodes = [
        *qdq("x", "x_real", 1), first, second,
        node("Conv", ["x_real", "w1"], ["moved"]),
        node("Clip", ["moved", "lowest", "highest"], ["bounded"]),
        *qdq("bounded", "s", fraction),
        node("Sub", ["s", "one"], ["distance"]),
        node("Mul", ["distance", "anchors"], ["offsets"]),
        node("DeformConv", ["x_real", "w2", "offsets"], ["deform"], group=group, pads=[1] * 4),
        *qdq("deform", "y", -2),
    ]  # fmt: skip
    return finished(nodes, constants, {"x": [1, channels, *size]})


def grid(size=(5, 8), scale=3, **attributes):
    """Samples at a grid that reaches beyond the frame."""
    nodes = [
        *qdq("x", "x_real", 1),
        node("Clip", ["g", "lowest", "highest"], ["g_clipped"]),
        *qdq("g_clipped", "g_real", scale),
        node("GridSample", ["x_real", "g_real"], ["sampled"], **attributes),
        *qdq("sampled", "y", 1),
    ]
    ends = {"lowest": np.float32(-1.5), "highest": np.float32(1.5)}
    return finished(nodes, ends, {"x": [1, 2, *size], "g": [1, 4, 3, 2]})


def frames(session, rng, count=8):
    """Inputs that reach both ends of every range, some of them."""
    spread = np.where(np.arange(count) % 2, 40, 4).astype(np.float32)
    found = {}
    for given in session.get_inputs():
        x = rng.normal(size=(count, *given.shape)).astype(np.float32)
        if given.name == "g":
            x /= 20  # a grid: the frame is from -1 to 1
        found[given.name] = x * spread.reshape(-1, *[1] * len(given.shape))
    return found


def check(proto, tmp_path, cycles, *, rng, mhz=100):
    """Compiles for so many cycles; compares with onnxruntime, and the Verilog with the integers."""
    path = save(proto, tmp_path)
    session = onnxruntime.InferenceSession(path)
    design = qcompiler.compile(path, cycles=cycles, validate=True, mhz=mhz)
    x = frames(session, rng)
    count = len(next(iter(x.values())))
    wanted = np.stack(
        [session.run(None, {name: v[n] for name, v in x.items()})[0] for n in range(count)]
    )
    assert len(np.unique(wanted)) > 10
    np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)
    integers = design.quantize(x)
    rtl = design.rtl_design(tmp_path / "rtl")
    for chance in (0.0, 0.4):
        stalls = {"stall_probability_in": chance, "stall_probability_out": chance}
        got, result = design.simulate_rtl(rtl, integers, tool="verilator", **stalls)
        for want, have in zip(design.core(integers), got, strict=True):
            np.testing.assert_array_equal(want.reshape(have.shape), have)
        if not chance:
            assert result.cycles_per_frame == design.timing.cycles_per_frame
            assert result.latency_cycles == design.timing.latency_cycles
    return design


CASES = {
    "dense": (2000, {}),
    "all taps of a row": (300, {}),
    "between elements": (36, {"fraction": 1, "group": 4}),
    "masked": (2000, {"fraction": 2, "group": 4, "mask": True}),
    "offset groups": (200, {"offset_group": 2, "strides": [2, 1], "fraction": 1, "group": 2}),
    "the whole frame": (36, {"reach": 15, "dilations": [2, 2], "pads": [2] * 4}),
}


@pytest.mark.simulation
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, marks=[pytest.mark.sweep] if case in ("dense", "the whole frame") else []
        )
        for case in CASES
    ],
)
def test_deform_conv(case, tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    cycles, attributes = CASES[case]
    monkeypatch.setattr(DelayModel, "read", lambda *_, **_kw: 3.0)  # as of a block memory
    mhz = 300 if case in ("masked", "all taps of a row") else 20  # with all registers, with none
    design = check(deformable(rng, **attributes), tmp_path, cycles, rng=rng, mhz=mhz)
    (sample,) = (p for p in design.network.processes if isinstance(p, stream.SampleOp))
    wanted = {"element", "slot", "words"} | ({"address", "along"} if case == "masked" else set())
    assert set(sample.registers) == (wanted if mhz == 300 else set())


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("depthwise", "fraction"),
    [
        (True, 0),
        pytest.param(False, 0, marks=pytest.mark.sweep),
        pytest.param(True, 1, marks=pytest.mark.sweep),
    ],
)
def test_a_square_takes_a_pixel_a_cycle(depthwise, fraction, tmp_path):
    rng = np.random.default_rng(4)
    proto = square(rng, depthwise=depthwise, fraction=fraction)
    design = check(proto, tmp_path, 56, rng=rng, mhz=300)
    assert design.timing.cycles_per_frame == 8 * 7


@pytest.mark.simulation
@pytest.mark.parametrize(
    "attributes",
    [
        {"mode": "linear"},
        {"mode": "nearest", "align_corners": 1, "scale": 2},
        {"mode": "linear", "padding_mode": "border"},
        {"mode": "nearest", "padding_mode": "border", "size": (1, 1)},
    ],
    ids=str,
)
def test_grid_sample(attributes, tmp_path):
    check(grid(**attributes), tmp_path, 100, rng=np.random.default_rng(5))


READERS = {
    "windows": [node("Conv", ["sampled", "w"], ["made"], pads=[1, 0, 0, 1])],
    "maxima": [node("MaxPool", ["sampled"], ["made"], kernel_shape=[2, 2])],
    "one tap": [node("Conv", ["sampled", "w1"], ["made"], group=2)],
    "some elements": [node("Conv", ["sampled", "w1"], ["made"], strides=[2, 2], group=2)],
    "two layers": [
        node("Conv", ["sampled", "w"], ["wide"], pads=[1, 0, 0, 1]),
        *qdq("wide", "first", 0),
        node("Conv", ["sampled", "w1"], ["near"], group=2),
        *qdq("near", "second", 0),
        node("Add", ["first", "second"], ["made"]),
    ],
}  # fmt: skip


def read_samples(reader):
    """A grid's samples, of which layers are made without a quantizer between."""
    rng = np.random.default_rng(7)
    wide, constants = weights("w", (2, 2, 2, 2), rng)
    tap, more = weights("w1", (2, 1, 1, 1), rng)
    nodes = [
        *qdq("x", "x_real", 1), *qdq("g", "g_real", 3), wide, tap,
        node("GridSample", ["x_real", "g_real"], ["sampled"]),
        *READERS[reader], *qdq("made", "y", 0),
    ]  # fmt: skip
    return finished(nodes, constants | more, {"x": [1, 2, 5, 6], "g": [1, 4, 4, 2]})


@pytest.mark.simulation
@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(r, marks=[] if r in ("windows", "two layers") else pytest.mark.sweep)
        for r in READERS
    ],
)
def test_layers_that_read_samples(reader, tmp_path):
    """Windows of samples are windows; a layer of one tap may have the samples made for it."""
    check(read_samples(reader), tmp_path, 100, rng=np.random.default_rng(7))


@pytest.mark.parametrize(("scale", "bits"), [(0.01, 68), (0.12, 64)])
@pytest.mark.parametrize("reader", READERS)
def test_layers_that_read_wide_samples(reader, scale, bits, monkeypatch, tmp_path):
    """Sums and quantizers take integers of any width; all that passes make of them is compared."""
    monkeypatch.setitem(CONSTANTS, "s3", np.float32(scale))
    path = save(read_samples(reader), tmp_path)
    if reader != "maxima":
        design = qcompiler.compile(path, validate=True, numerics="exact")
        assert f"samples have {bits} bits" in design.notes[0]
        return
    with pytest.raises(qcompiler.ModelError) as refused:
        qcompiler.compile(path, validate=True)
    (problem,) = refused.value.problems
    assert problem.what == f"takes integers of {bits} bits, at most 63 allowed"
    assert problem.remedy == (
        "put a quantizer before this node, or give the positions of sampled (ONNX GridSample) a "
        "scale that is a power of two"
    )


@pytest.mark.parametrize("group", [1, 2, 4])
def test_one_tap_is_sampled_once(group, tmp_path):
    """A kernel of one element is a layer like others, whatever its groups."""
    rng = np.random.default_rng(8)
    weight, constants = weights("w", (4, 4 // group, 1, 1), rng)
    nodes = [
        *qdq("x", "x_real", 1), *qdq("o", "o_real", 1), weight,
        node("DeformConv", ["x_real", "w", "o_real"], ["deform"], group=group),
        *qdq("deform", "y", 0),
    ]  # fmt: skip
    shapes = {"x": [1, 4, 5, 6], "o": [1, 2, 5, 6]}
    path = save(finished(nodes, constants, shapes), tmp_path)
    design = qcompiler.compile(path, validate=True)
    assert sum(isinstance(p, stream.SampleOp) for p in design.network.processes) == 1
    x = frames(onnxruntime.InferenceSession(path), rng, 4)
    wanted = [
        onnxruntime.InferenceSession(path).run(None, {name: v[n] for name, v in x.items()})[0]
        for n in range(4)
    ]
    np.testing.assert_array_equal(np.reshape(design.predict(x), (4, 1, 4, 5, 6)), wanted)


def test_a_budget_of_memory_says_which_offsets_are_wide(tmp_path):
    rng = np.random.default_rng(6)
    wide, near = (
        save(square(rng, size=(40, 40), reach=reach), tmp_path, f"{reach}.onnx")
        for reach in (60, 2)
    )
    limit = qcompiler.compile(near, device="ecp5-25k", cycles=15000).report().area["BRAM"]
    few = {"max_brams": limit, "max_luts": 2000}  # with more tables they would be the memory
    with pytest.raises(qcompiler.ModelError) as refused:
        qcompiler.compile(wide, device="ecp5-25k", cycles=15000, **few)
    (problem,) = refused.value.problems
    assert "too few" in problem.what
    # Not 61: that is what the weights and the input can make of them.
    assert "its offsets reach from row -15 to row 17 of" in problem.remedy
    assert "a Clip before their quantizer keeps fewer, of offsets from -1 to 1 only 6" in (
        problem.remedy
    )


def test_a_clip_of_an_input_bounds_the_buffer(tmp_path):
    rng = np.random.default_rng(4)
    rows = []
    for reach in (1, 2):
        proto = deformable(rng, size=(12, 8), reach=reach, fraction=2)
        design = qcompiler.compile(save(proto, tmp_path, f"{reach}.onnx"))
        (sample,) = (p for p in design.network.processes if isinstance(p, stream.SampleOp))
        rows.append(sample.buffer_rows)
        (offsets,) = (c for _, c in design.ports if c.frame_shape[-1] == 18)
        assert offsets.element.lo.data == -4 * reach
        assert offsets.element.hi.data == 4 * reach
    assert rows[1] == rows[0] + 2


def test_windows_are_not_made_before_they_are_needed(tmp_path):
    """What samples is four times as fast as the sums over all channels that it feeds."""
    proto = deformable(np.random.default_rng(8), size=(8, 7))
    design = qcompiler.compile(save(proto, tmp_path, "full.onnx"), cycles=8064)
    assert design.timing.cycles_per_frame == 8064
    (sample,) = (p for p in design.network.processes if isinstance(p, stream.SampleOp))
    assert sample.cycles_per_frame <= 8064 // 3
    assert not any(isinstance(p, stream.FifoOp) for p in design.network.processes)


@pytest.mark.parametrize("form", ["free", "square", "between elements"])
def test_memories_are_known_before_a_folding_is_tried(form, tmp_path):
    """By what the search guesses of them, the sampler keeps just that."""
    rng, fraction = np.random.default_rng(9), int(form == "between elements")
    make = deformable if form == "free" else square
    path = save(make(rng, size=(8, 8), reach=2, fraction=fraction), tmp_path, "m.onnx")
    for cycles in (64, 64 * 9 * 4):
        design = qcompiler.compile(path, cycles=cycles)
        (sample,) = (p for p in design.network.processes if isinstance(p, stream.SampleOp))
        rows, columns = sample.taps_a_beat or (0, 0)
        lanes = sample.output_channel.lanes.data // (rows * columns)
        number, words = sample.buffers(lanes, rows * columns)
        least = sample.memory_bits * sample.least_rows // sample.buffer_rows
        assert number * words * lanes * sample.input_channel.element.width_bits == least


def real_deform(x, offsets, weights, group):
    """The convolution in fractions: one image x [c, h, w], and offsets [18, h, w]."""
    channels, height, width = x.shape
    each = channels // group

    def at(c, row, column):
        inside = 0 <= row < height and 0 <= column < width
        return Fraction(float(x[c, row, column])) if inside else Fraction(0)

    made = np.zeros((channels, *offsets.shape[1:]), object)
    for (row, column), tap in product(np.ndindex(*offsets.shape[1:]), range(9)):
        y = row - 1 + tap // 3 + offsets[2 * tap, row, column]
        z = column - 1 + tap % 3 + offsets[2 * tap + 1, row, column]
        for c in range(channels):
            sample = Fraction(0)
            for i, j in product((0, 1), repeat=2):
                near = (1 - abs(y - floor(y) - i)) * (1 - abs(z - floor(z) - j))
                sample += near * at(c, floor(y) + i, floor(z) + j)
            for out in range(c // each * each, c // each * each + each):
                made[out, row, column] += sample * Fraction(float(weights[out, c % each].flat[tap]))
    return made


@pytest.mark.simulation
def test_offsets_of_any_scale_are_exact(monkeypatch, tmp_path):
    """Samples have twice the bits of a float32: sums of more than 63, and no rounding."""
    scale, rng = 0.05, np.random.default_rng(5)
    monkeypatch.setitem(CONSTANTS, "s0", np.float32(scale))
    proto = deformable(rng, size=(4, 3), channels=2, group=2, reach=2)
    path = save(proto, tmp_path)
    design = qcompiler.compile(path, cycles=12)
    (note,) = [note for note in design.notes if "power of two" in note]
    assert f"steps of {np.float32(scale):.9g}" in note
    assert "samples have 64 bits; a scale of 0.0625 would make 16 of them" in note

    session = onnxruntime.InferenceSession(path)
    x = frames(session, rng, 6)
    got = np.reshape(design.predict(x), (6, 2, 4, 3))
    codes = np.clip(np.rint(np.clip(x["o"], -2, 2) / np.float32(scale)), -128, 127)
    (stored,) = (constant for constant in proto.graph.initializer if constant.name == "w_q")
    weights = numpy_helper.to_array(stored)
    for n in range(6):
        image = np.clip(np.rint(x["x"][n] / 0.5), -128, 127) * 0.5
        offsets = np.vectorize(lambda code: int(code) * Fraction(float(np.float32(scale))))(
            codes[n]
        )
        real = real_deform(image[0], offsets[0], weights * 0.25, 2) / 4
        wanted = np.vectorize(lambda value: 4 * min(max(round(value), -128), 127))(real)
        np.testing.assert_array_equal(got[n], wanted)
        # Where the runtime differs, the number lies between two codes but for float32's noise.
        runtime = session.run(None, {name: v[n] for name, v in x.items()})[0][0]
        for value in real[runtime != got[n]]:
            assert abs(value - floor(value) - Fraction(1, 2)) < 2**-16
    integers = design.quantize(x)
    found, _ = design.simulate_rtl(design.rtl_design(tmp_path / "rtl"), integers, tool="verilator")
    np.testing.assert_array_equal(found[0].reshape(-1), design.core(integers)[0].reshape(-1))
