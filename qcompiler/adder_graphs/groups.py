"""Which outputs of a matrix share sums, where not all of them do.

A sum that many outputs read is one of long wires, and a graph in which all outputs share with all
has more of these than a part routes at a high clock. Outputs that share among few can be near each
other: more adders, shorter wires.
"""

from __future__ import annotations

import numpy as np

from qcompiler.arith.arrays import IntArray


def alike(matrix: IntArray, size: int) -> list[list[int]]:
    """Returns columns in groups of at most a size, those near each other in direction together.

    Args:
        matrix: coefficients, [I, O].
        size: most columns of a group.
    """
    columns = matrix.astype(np.float64)
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1)
    near = np.abs(columns.T @ columns)
    left, groups = list(range(matrix.shape[1])), list[list[int]]()
    while left:
        # In as many groups as needed, all about as large.
        most = -(-len(left) // -(-len(left) // size))
        group = sorted(left, key=lambda at: (at != left[0], -near[left[0], at], at))[:most]
        groups.append(sorted(group))
        left = [at for at in left if at not in group]
    return groups
