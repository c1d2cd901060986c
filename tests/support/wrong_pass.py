"""A plugin whose pass is deliberately wrong: it folds one threshold of each layer, off by one."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.dialects import qint


@dataclass(frozen=True)
class WrongFoldPass(ModulePass):
    """Folds the last threshold of the last channel, off by one."""

    name = "wrong-fold"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for threshold in op.walk():
            if isinstance(threshold, qint.ThresholdOp):
                values = threshold.requantizer.thresholds.copy()
                values[-1, -1] += 1
                threshold.properties["thresholds"] = qint.ConstantOp(values).value
