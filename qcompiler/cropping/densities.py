"""How dense each layer should be, and which shares of channels that takes."""

from collections.abc import Mapping, Sequence

import numpy as np


def convex(sizes: Sequence[int], keep: float) -> list[float]:
    """Returns densities p that maximize sum(log p_l), where sum(p_l * sizes_l) is a share of all.

    The optimum is p_l = min(1, c / sizes_l): as many weights in each layer as there are, or as
    in all others.

    Args:
        sizes: weights of each layer.
        keep: share of all weights, in (0, 1].

    Source: the Lagrangian of the program; Cai et al., arXiv 2203.02549, choose densities by a
    convex program as well, of a proxy that we have not seen.

    Example:
        >>> convex([10, 1000], 0.5)
        [1.0, 0.495]
    """
    left, free = keep * sum(sizes), sorted(sizes)
    while free and free[0] * len(free) <= left:
        left -= free.pop(0)
    level = left / len(free) if free else float(max(sizes))
    return [min(1.0, level / size) for size in sizes]


def shares(
    ends: Sequence[Mapping[int, float]], densities: Sequence[float], groups: int
) -> list[float]:
    """Returns the share of each group's channels for which layers have given densities, nearly.

    A layer from group a to group b has the density r_a * r_b. In logarithms these are linear
    equations; the least squares of their errors are taken, which for a long chain of layers of
    density p is the known rule r = sqrt(p).

    Args:
        ends: of each layer, the groups that may lose channels and the powers of their shares that
            its density has: 1 for one whose channels are all on an end; [L] of 0 to 2 or more.
        densities: of the layers, [L].
        groups: how many there are.
    """
    matrix = np.zeros((len(ends), groups))
    for row, found in enumerate(ends):
        for end, power in found.items():
            matrix[row, end] = power
    wanted = np.log(np.maximum(densities, 1e-4))
    logs = np.linalg.lstsq(matrix, wanted)[0]
    return [float(share) for share in np.exp(np.minimum(logs, 0.0))]
