"""What units of matrix products share, whether their matrices are constant or come as frames."""

from abc import abstractmethod

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, i64
from xdsl.irdl import prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.arrays import IntArray
from qcompiler.dialects.stream.channel import divisors
from qcompiler.dialects.stream.windows import Foldable, WindowSource


class MatrixUnit(Foldable):
    """Makes `pe` outputs of a vector at a time, from `simd` inputs a cycle."""

    pe = prop_def(IntegerAttr[I64])
    simd = prop_def(IntegerAttr[I64])

    @property
    @abstractmethod
    def matrix_shape(self) -> tuple[int, int]:
        """(inputs, outputs) of a matrix."""

    @property
    def folds(self) -> tuple[int, int]:
        """(neuron fold, synapse fold) of a matrix: outputs / pe, inputs / simd."""
        inputs, outputs = self.matrix_shape
        return outputs // self.pe.value.data, inputs // self.simd.value.data

    @property
    def folding(self) -> tuple[int, int]:
        return self.pe.value.data, self.simd.value.data

    @property
    def terms(self) -> int:
        return self.matrix_shape[0]

    @property
    def legal_pe(self) -> tuple[int, ...]:
        return tuple(divisors(self.matrix_shape[1]))

    def legal_simd(self, window: WindowSource | None) -> tuple[int, ...]:
        return tuple(divisors(self.terms))

    @property
    def shares_inputs(self) -> bool:
        return True

    def fold(self, pe: int, simd: int) -> None:
        self.properties["pe"] = IntegerAttr(pe, i64)
        super().fold(pe, simd)

    @property
    def latency(self) -> int:
        """Cycles from the issue of a beat of the result to its appearance."""
        # issue -> operands -> partial sum (-> accumulator) -> output register
        return (4 if self.folds[1] > 1 else 3) + self.added_latency

    @property
    def vector_slots(self) -> tuple[IntArray, IntArray]:
        """When a vector's beats are taken, and when those of its result are issued, in cycles."""
        neuron, synapse = self.folds
        consume = np.arange(synapse, dtype=np.int64)
        return consume, np.arange(1, neuron + 1, dtype=np.int64) * synapse - 1

    def verify_folding(self) -> None:
        """Checks that the folding divides the matrix.

        Raises:
            VerifyException: it does not; the message lists what does.
        """
        inputs, outputs = self.matrix_shape
        pe, simd = self.folding
        for name, factor, extent in (("pe", pe, outputs), ("simd", simd, inputs)):
            if factor < 1 or extent % factor:
                raise VerifyException(
                    f"{name} must divide {extent}, got {factor}; legal: {divisors(extent)}"
                )
