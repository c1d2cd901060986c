"""Functions of tensors whose gradient is chosen, and the way between torch and numpy."""

import numpy as np
import torch
from torch import Tensor

from qcompiler.arith.arrays import IntArray


def straight_to(value: Tensor, x: Tensor) -> Tensor:
    """Returns `value`, bit for bit, with the gradient of x."""
    return value.detach() + (x - x.detach())


def round_through(x: Tensor) -> Tensor:
    """Returns x rounded to integers, half to even; the gradient passes straight through."""
    return straight_to(torch.round(x), x)


def along_axis(row: Tensor, ndim: int, axis: int) -> Tensor:
    """Returns values per channel [C], or one for all [1], so that they broadcast along an axis."""
    if row.numel() == 1:
        return row.reshape(())
    return row.reshape([-1 if i == axis else 1 for i in range(ndim)])


def integers_of(x: Tensor) -> IntArray:
    """Returns a tensor of whole numbers as integers."""
    return x.detach().cpu().double().numpy().astype(np.int64)
