"""Stands in for PYNQ: memory, DMA and a core whose streams the integer interpreter computes."""

import numpy as np

import qcompiler
from qcompiler.backends.driver.packing import pack, unpack

core = None


class Buffer(np.ndarray):
    """Memory that a DMA reaches."""

    device_address = 0x5_6789_A000

    def flush(self):
        pass

    def invalidate(self):
        pass


def allocate(shape, dtype):
    return np.zeros(shape, dtype).view(Buffer)


class Core:
    """The design behind its one DMA: takes all frames, gives one a transfer."""

    def __init__(self, folder):
        self.design = qcompiler.load(folder)
        self.written, self._ready = [], []

    def take(self, data):
        (_, channel), (_, out) = self.design.ports
        kind, lanes = channel.element, channel.lanes.data
        integers = unpack(np.asarray(data), lanes, kind.width_bits, kind.signed)
        (results,) = self.design.core([integers.reshape(len(data), *channel.frame_shape)])
        packed = pack(results, out.lanes.data, out.element.width_bits)
        self._ready += [frame.ravel() for frame in packed]

    def give(self):
        return self._ready.pop(0)

    def read(self, offset):
        return offset

    def write(self, offset, value):
        self.written.append((offset, value))


class Send:
    def transfer(self, buffer):
        core.take(buffer)

    def wait(self):
        pass


class Receive:
    def transfer(self, buffer, start, nbytes):
        data = core.give()
        assert len(data) == nbytes
        buffer.reshape(-1)[start : start + nbytes] = data

    def wait(self):
        pass


class Dma:
    sendchannel, recvchannel = Send(), Receive()


class Overlay:
    """What a bitstream makes of the board."""

    dma_0 = Dma()

    def __init__(self, name):
        assert name.endswith(".bit")

    @property
    def core(self):
        return core
