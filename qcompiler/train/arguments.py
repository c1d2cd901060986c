"""What layers are made with: numbers that are checked where a user gives them."""

from collections.abc import Sequence

WIDEST = 16
"""Most bits of weights and codes."""


def whole(value: int, what: str, least: int, most: int | None = None) -> int:
    """Returns `value`.

    Raises:
        ValueError: it is no whole number within bounds.
    """
    if isinstance(value, bool) or int(value) != value or not least <= value <= (most or value):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{what} must be a whole number {bounds}, got {value!r}")
    return int(value)


def bits_of(bits: int, what: str, *, signed: bool) -> int:
    """Returns the bits of a number format; a sign needs one more.

    Raises:
        ValueError: there are too few or too many.
    """
    kind = "with" if signed else "without"
    return whole(bits, f"bits of {what} {kind} a sign", 1 + signed, WIDEST)


def extents(value: int | Sequence[int], rank: int, what: str, least: int = 1) -> tuple[int, ...]:
    """Returns one whole number for each dimension of space.

    Raises:
        ValueError: there are not as many, or one is too small.
    """
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank or any(int(each) != each or each < least for each in values):
        raise ValueError(
            f"{what} must be a whole number of at least {least}, or {rank} of them, got {value!r}"
        )
    return tuple(int(each) for each in values)


def padding_of(
    value: int | Sequence[int] | str, reach: Sequence[int], strides: Sequence[int]
) -> tuple[int, ...]:
    """Returns the zeros on each side, as torch has them.

    Args:
        value: numbers, or `same` or `valid`.
        reach: distance of the first and the last tap of a window, in elements.
        strides: of windows.

    Raises:
        ValueError: `same` would need a stride, or another number of zeros on either side.
    """
    if not isinstance(value, str):
        return extents(value, len(reach), "padding", 0)
    if value == "valid":
        return (0,) * len(reach)
    if value != "same":
        raise ValueError(f"padding must be numbers, 'same' or 'valid', got {value!r}")
    if any(stride != 1 for stride in strides) or any(each % 2 for each in reach):
        raise ValueError(
            "padding='same' needs strides of 1 and windows of odd extent, so that both sides get "
            "as many zeros; give numbers"
        )
    return tuple(each // 2 for each in reach)
