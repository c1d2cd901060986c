"""Blocks of the library in small shapes: proven for all data, all stalls, and for ever."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from stream_networks import StreamNetwork, channel

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift
from qcompiler.arith.windows import Window
from qcompiler.dialects import qint, stream
from qcompiler.proofs.jobs import Proofs

CODES = IntRange(0, 3)
ELEMENT = qint.IntType(0, 3)


def network() -> StreamNetwork:
    """Each block once, from inputs of its own to an output of its own."""
    n = StreamNetwork()
    n.mvau(CODES, np.array([[1, -2], [3, 0], [-1, 1], [2, 2]]), pe=1, simd=2)
    n.mvau(IntRange(-2, 1), np.array([[1, -2], [3, 1]]), pe=2, simd=2, vectors=(3,))
    window = Window((2, 2), (1, 1), (1, 1), (1, 0), (0, 0))
    n.output(stream.SlidingWindowOp(n.input(channel(CODES, (2, 2, 1), 1)), ELEMENT, window, 2, 1))
    n.output(stream.PoolOp(n.input(channel(CODES, (1, 1, 4), 1)), "max", ELEMENT, 4))
    n.output(stream.FifoOp(n.input(channel(CODES, (6,), 2)), 3))
    n.output(stream.WidthAdapterOp(n.input(channel(CODES, (6,), 2)), 6))
    n.output(stream.WidthAdapterOp(n.input(channel(CODES, (6,), 6)), 2))
    n.output(stream.ReorderOp(n.input(channel(CODES, (4,), 1)), 4, [(2, 1), (2, 2)], (4,)))
    n.output(stream.SliceOp(n.input(channel(CODES, (6,), 1)), (1,), (6,), (2,)))
    left, right = (n.input(channel(CODES, (4,), 2)) for _ in range(2))
    n.output(stream.AddOp(left, right, qint.IntType(-9, 6), (2, -3)))
    left, right = (n.input(channel(CODES, (2,), 2)) for _ in range(2))
    n.output(stream.MulOp(left, right, qint.IntType(0, 9)))
    left, right = (n.input(channel(CODES, (4,), 2)) for _ in range(2))
    n.output(stream.ConcatOp([left, right], 0, ELEMENT))
    copies = stream.DuplicateOp(n.input(channel(CODES, (2,), 1)), 2)
    n.block.add_op(copies)
    n.results += copies.results
    half = MulShift(np.array([3, 1]), np.array([0, 2]), 1, 0, 3)
    n.requantize(IntRange(-6, 6), CODES, half, (2,), 1)
    pairs = np.array([[3, -4, 0, 2], [-1, -4, 1, 3], [2, 2, -2, 0]])
    n.mvau(IntRange(-4, 3), pairs, pe=2, simd=1, style="pairs")
    n.mvau(IntRange(-4, 3), pairs, pe=2, simd=3, style="logic")
    arriving(n, IntRange(-4, 3), pe=2, simd=1)
    arriving(n, IntRange(-1, 1), pe=1, simd=3)
    n.output(stream.LabelSelectOp(n.input(channel(CODES, (4,), 2))))
    n.output(stream.GatherOp(n.input(channel(CODES, (4,), 1)), 4, [3, 1, 0, 2], (4,)))
    vectors, matrix = (n.input(channel(CODES, (2, 2), 1)) for _ in range(2))
    n.output(stream.MatMulOp(vectors, matrix, qint.IntType(0, 18)))
    ones = [1, 1, 1, 1]
    signs = qint.IntType(-6, 12)
    n.output(stream.ButterflyOp(n.input(channel(CODES, (4,), 1)), signs, ones, ones))
    for kind in ("sum", "max"):
        n.output(stream.RowReduceOp(n.input(channel(CODES, (2, 4), 1)), kind))
    square = n.input(channel(CODES, (4,), 1))
    n.output(stream.FormulaOp([square], "a * a + 1", qint.IntType(1, 10)))
    n.weights.append(stream.WeightsOp("taps", np.array([[1, -2], [3, 1]])))
    windows = n.input(channel(CODES, (2, 4), 1))
    n.output(stream.VvauOp(windows, "taps", qint.IntType(-6, 12), 2))
    return n


def arriving(n: StreamNetwork, weights: IntRange, pe: int, simd: int) -> None:
    """A unit whose weights come through a channel."""
    matrix = np.clip(np.arange(12).reshape(3, 4) - 6, weights.lo, weights.hi)
    name = f"w{len(n.weights)}"
    n.weights.append(stream.WeightsOp(name, matrix))
    given = n.input(channel(CODES, (2, 3), simd))
    unit = stream.MvauOp(given, name, qint.IntType(-36, 36), 4, pe, simd)
    unit.operands = [given, n.input(channel(weights, (2, 12), pe * simd))]
    n.output(unit)


@pytest.fixture(scope="module")
def proofs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks")
    design = network().design()
    rtl = design.rtl_design(folder)
    (folder / "report").mkdir()

    return Proofs(design, [*rtl.sources, *sorted(folder.rglob("*.mem"))], folder)


def test_all_are_proven(proofs):
    results = [proofs.prove(name) for name in proofs.names]
    assert [r for r in results if r.status != "proven"] == []
    assert {r.kind for r in results} >= {"mvau", "sliding_window", "pool", "fifo", "concat", "mul"}


BROKEN = [
    ("network_register_slice_w2", "in_ready = !spare_valid", "in_ready = 1'b1", "not"),
    ("network_register_slice_w2", "spare_valid ? spare : in_data", "in_data", "not"),
    ("n_fifo", "in_ready = count != 2'd3 || enable", "in_ready = 1'b1", "not"),
    ("n_fifo", "write_address == 2'd2", "write_address == 2'd1", "not"),
    ("n_width_adapter", "{part2_data, part1_data, part0_data}",
     "{part1_data, part2_data, part0_data}", "not"),
    ("n_width_adapter_2", "(out_slice_in_ready && part_end)", "out_slice_in_ready", "not"),
    ("n_mvau", "weights_mem[2] = 6'h06", "weights_mem[2] = 6'h07", "not"),
    ("n_mvau", "weight_address == 2'd3", "weight_address == 2'd2", "not"),
    ("n_mvau_3", "{5'd0, _t1[5]}", "6'd0", "not"),
    ("n_mvau_4", "^ 3'd3", "^ 3'd1", "not"),
    ("n_mvau_5", "weights <= in1_data", "weights <= {in1_data[2:0], in1_data[5:3]}", "not"),
    ("n_mvau_6", "w0[1] ? 3'd0 - _t0", "w0[1] ? _t0", "not"),
    ("n_sliding_window", "in_padding ? 2'd2", "in_padding ? 2'd1", "not 2"),
    ("n_pool", "x > y ? x : y", "x > y ? y : x", "not"),
    ("n_reorder", "stored_blocks != 2'd2", "1'b1", "not"),
    ("n_slice", "out_valid(out_valid)", "out_valid()", "connects"),
    ("n_add", "in0_ready = enable && in1_valid", "in0_ready = enable", "not"),
    ("n_mul", "in_valid(result_valid)", "in_valid(1'b0)", "more than"),
    ("n_concat", "enable && !from_in0", "out_ready && !from_in0", "in the same cycle"),
    ("n_duplicate", "out0_slice_in_ready && out1_slice_in_ready", "out0_slice_in_ready", "not"),
    ("n_label_select", "_t2[1:0] >= _t3[1:0]", "_t2[1:0] > _t3[1:0]", "not"),
    ("n_gather", "place_mem[1] = 2'h1", "place_mem[1] = 2'h2", "not"),
    ("n_matmul", "bank0 <= bank0_mem[{_t6[0]", "bank0 <= bank0_mem[{_t4[0]", "not"),
    ("n_butterfly", " - ", " + ", "not"),
    ("n_row_reduce", "(first2 ? 4'd0 : of_row)", "of_row", "not"),
    ("n_row_reduce_2", "&& !first2 ? of_row", "? of_row", "not"),
    ("n_formula", "s3_square + 4'd1", "s3_square + 4'd2", "not"),
    ("n_vvau", "weights_mem[2] = 3'h6", "weights_mem[2] = 3'h2", "not"),
    ("n_requantize", "5'd3 : $signed", "5'd2 : $signed", "not"),
    ("top", "m_axis_1_beat == 2'd2", "m_axis_1_beat == 2'd1", "m_axis_1_tlast"),
    ("top", ".in0_valid(s_axis_9_tvalid)", ".in0_valid(s_axis_8_tvalid)", "n_add.in0_valid"),
]  # fmt: skip


def test_a_lack_of_memory_is_said(proofs, monkeypatch):
    def too_much(*_):
        raise MemoryError

    monkeypatch.setattr("qcompiler.proofs.jobs.meaning_of", too_much)
    result = proofs.prove("n_fifo")
    assert result.status == "undecided"
    assert "not finished" in result.words


def test_another_clock_is_refused(proofs, tmp_path):
    sources = [Path(shutil.copy(path, tmp_path)) for path in proofs.sources.files]
    (fifo,) = [path for path in sources if path.stem == "network_n_fifo"]
    text = fifo.read_text(encoding="utf-8")
    fifo.write_text(text.replace("posedge ap_clk", "negedge ap_clk", 1), encoding="utf-8")
    result = Proofs(proofs.design, sources, tmp_path).prove("n_fifo")
    assert result.status == "undecided"
    assert "does not follow the rising edge of ap_clk" in result.words


@pytest.mark.parametrize(("name", "good", "bad", "words"), BROKEN)
def test_broken_hardware_is_refused(proofs, tmp_path, name, good, bad, words):
    sources = [Path(shutil.copy(path, tmp_path)) for path in proofs.sources.files]
    module = {"top": "network"}.get(name, name if "slice_w" in name else f"network_{name}")
    own = [path for path in sources if path.stem == module or path.stem.startswith(f"{module}_")]
    own = [path for path in own if good in path.read_text(encoding="utf-8")]
    assert own, f"no Verilog of {name} has {good}"
    own[0].write_text(own[0].read_text(encoding="utf-8").replace(good, bad), encoding="utf-8")
    result = Proofs(proofs.design, sources, tmp_path).prove(name)
    assert (result.status, words in result.words) == ("refuted", True), result
    trace = (tmp_path / result.trace).read_text(encoding="ascii")
    assert f"$scope module {name} $end" in trace
    assert result.words in trace
