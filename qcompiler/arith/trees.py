"""Trees with registers between their levels: how many values each level takes together."""


def group_sizes(count: int, levels: int) -> list[int]:
    """Returns how many values each level of a tree takes together, so that one is left.

    Args:
        count: of values that come in, at least 1.
        levels: of the tree, at least 1; their sizes differ as little as possible.

    Example:
        >>> group_sizes(64, 2), group_sizes(9, 3), group_sizes(1, 2)
        ([8, 8], [3, 2, 2], [1, 1])
    """
    sizes: list[int] = []
    for left in range(levels, 0, -1):
        size = next(n for n in range(1, count + 1) if n**left >= count)
        sizes.append(size)
        count = -(-count // size)
    return sizes
