"""Simulates a network of stream processes cycle by cycle, without data, for any FIFO depths.

The model is a compiled C++ loop of the same registers as the blocks have (pipeline, register slice,
counters), so it gives the cycles of the RTL; `benchmarks.fifo_sizing` checks that in Verilator.
"""

import ctypes
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import predict
from qcompiler.dialects import stream
from qcompiler.dialects.stream.buffered import Buffered
from qcompiler.dialects.stream.matmul import KEPT_MATRICES
from qcompiler.dialects.stream.process import Process
from qcompiler.dialects.stream.schedule import Schedule

UNBOUNDED = 10**8
_SOURCE = Path(__file__).with_suffix(".cpp")
_GENERIC, _FIFO, _BUFFER, _WIRE, _PRODUCT = range(5)


def _kind(process: Process) -> int:
    """Returns how the C++ code moves a process on."""
    kinds = {
        stream.FifoOp: _FIFO, Buffered: _BUFFER, stream.ReshapeOp: _WIRE,
        stream.MatMulOp: _PRODUCT,
    }  # fmt: skip
    found = next((kind for known, kind in kinds.items() if isinstance(process, known)), _GENERIC)
    if found == _GENERIC and type(process).timing is not Process.timing:
        raise ValueError(f"{process.name} has a timing of its own, which is not modelled here")
    return found


class TokenSimulator:
    """A network, ready to be simulated.

    Attributes:
        fifos: its FIFOs, in order.
        depths: theirs.
        period: cycles a frame of its slowest process.
        latency: cycles from a frame's first beat to its last output.
    """

    def __init__(self, network: Network):
        self._library = _library()
        processes = network.processes
        self.fifos = [p for p in processes if isinstance(p, stream.FifoOp)]
        self.depths = [fifo.depth.value.data for fifo in self.fifos]
        self.period = max(p.cycles_per_frame for p in processes)
        self.latency = predict(network).latency_cycles
        channels = {v: i for i, v in enumerate(network.inputs)}
        for process in processes:
            for value in process.results:
                channels[value] = len(channels)
        self._channels = len(channels)
        self._inputs = np.array([channels[v] for v in network.inputs], np.int32)
        (output,) = network.outputs
        self._output, self._beats = channels[output], stream.channel_of(output).beats
        tables = [_Tables(p) for p in processes]
        starts = np.cumsum([0] + [len(t.flags) for t in tables])
        row_starts = np.cumsum([0] + [len(t.rows) for t in tables])
        self._table = np.array(
            [
                [*t.head, starts[i], *t.window, row_starts[i], len(p.operands), len(p.results)]
                for i, (p, t) in enumerate(zip(processes, tables, strict=True))
            ],
            np.int32,
        )
        self._flags = np.concatenate([t.flags for t in tables])
        self._rows = np.concatenate([t.rows for t in tables]).astype(np.int32)
        wires = [channels[v] for p in processes for v in (*p.operands, *p.results)]
        self._wires = np.array(wires, np.int32)
        self._at = [i for i, p in enumerate(processes) if isinstance(p, stream.FifoOp)]

    def run(self, depths: Sequence[int], frames: int, limit: int = 0) -> list[int]:
        """Returns the cycle of each frame's last beat; fewer than `frames` if it deadlocks.

        Args:
            depths: per FIFO; 0 leaves it out.
            frames: to be sent back to back.
            limit: cycles to simulate; 0 for enough of them.
        """
        table = self._table.copy()
        table[self._at, 3] = depths
        ends = np.zeros(frames, np.int64)
        limit = limit or self.latency + (frames + 6) * 4 * self.period
        done = self._library.simulate(
            len(table),
            _pointer(table),
            _pointer(self._wires),
            _pointer(self._flags),
            _pointer(self._rows),
            self._channels,
            len(self._inputs),
            _pointer(self._inputs),
            self._output,
            self._beats,
            frames,
            ctypes.c_int64(limit),
            _pointer(ends),
        )
        return ends[:done].tolist()


class _Tables:
    """What the C++ code needs of one process."""

    def __init__(self, process: Process):
        schedule, kind = process.schedule(), _kind(process)
        self.head = (kind, max(0, schedule.latency - 1), schedule.cycles, 0)
        self.window = (0, 0, 0, 0)
        self.rows = np.zeros(0, np.int64)
        self.flags = np.zeros(0, np.uint8)
        if kind == _FIFO:
            self.head = (kind, 1, schedule.cycles, 0)
        elif isinstance(process, Buffered):
            buffer = process.buffering
            self.rows = np.array([*buffer.want, *buffer.free])
            beats = buffer.row_beats, buffer.out_beats
            self.window = (buffer.capacity, *beats, len(buffer.want))
        elif isinstance(process, stream.MatMulOp):
            turn = process.turn()
            self.head = (kind, turn.latency - 1, turn.cycles, 0)
            self.flags = _flags(turn)
            self.window = (KEPT_MATRICES, process.matrix_beats, 0, 0)
        elif kind == _GENERIC:
            self.flags = _flags(schedule)


def _flags(schedule: Schedule) -> Any:
    """Returns for each slot which inputs give a beat, and whether one is made."""
    flags = np.zeros(schedule.cycles, np.uint8)
    for index, at in enumerate(schedule.consume):
        flags[at] |= np.uint8(1 << index)
    flags[schedule.produce[0]] |= np.uint8(128)
    return flags


def _pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(np.ascontiguousarray(array).ctypes.data)


def _library() -> Any:
    """Compiles the loop."""
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory) / "token_simulator.so"
        command = ["g++", "-O2", "-shared", "-fPIC", "-std=c++17", str(_SOURCE), "-o", str(made)]
        subprocess.run(command, check=True)
        library = ctypes.CDLL(str(made))
    library.simulate.restype = ctypes.c_int64
    return library
