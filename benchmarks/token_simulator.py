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
from qcompiler.dialects import stream
from qcompiler.dialects.stream.process import Process
from qcompiler.dialects.stream.windows import SlidingWindowOp, rows_wanted

UNBOUNDED = 10**8
_SOURCE = Path(__file__).with_suffix(".cpp")
_KINDS = {stream.FifoOp: 1, SlidingWindowOp: 2, stream.ReshapeOp: 3}


class TokenSimulator:
    """A network, ready to be simulated.

    Attributes:
        fifos: its FIFOs, in order.
        depths: theirs.
        period: cycles a frame of its slowest process.
    """

    def __init__(self, network: Network):
        self._library = _library()
        processes = network.processes
        self.fifos = [p for p in processes if isinstance(p, stream.FifoOp)]
        self.depths = [fifo.depth.value.data for fifo in self.fifos]
        self.period = max(p.cycles_per_frame for p in processes)
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
        limit = limit or (frames + 6) * 4 * self.period
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
        schedule = process.schedule()
        kind = _KINDS.get(type(process), 0)
        overridden = type(process).timing is not Process.timing
        if kind == 0 and overridden:
            raise ValueError(f"{process.name} has a timing of its own, which is not modelled here")
        self.head = (kind, max(0, schedule.latency - 1), schedule.cycles, 0)
        self.window = (0, 0, 0, 0)
        self.rows = np.zeros(0, np.int64)
        self.flags = np.zeros(0, np.uint8)
        if kind == 1:
            self.head = (kind, 1, schedule.cycles, 0)
        elif isinstance(process, SlidingWindowOp):
            height, width, _ = process.input_channel.frame_shape
            want, free = rows_wanted(process.window, height)
            self.rows = np.array([*want, *free])
            beats = process.output_channel.beats // len(want)
            row_beats = width * process.channel_folds
            self.window = (process.buffer_rows, row_beats, beats, len(want))
        elif kind == 0:
            self.flags = np.zeros(schedule.cycles, np.uint8)
            for index, at in enumerate(schedule.consume):
                self.flags[at] |= np.uint8(1 << index)
            self.flags[schedule.produce[0]] |= np.uint8(128)


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
