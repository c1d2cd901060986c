"""Numbers as people read and write them."""

import re

import numpy as np


def float_text(value: float, single: bool) -> str:
    """Returns the shortest decimal that is read back as the same float32 (or float64)."""
    text = str(np.float32(value)) if single else repr(float(value))
    return text.removesuffix(".0") if re.fullmatch(r"-?[0-9]+\.0", text) else text


def shortest(value: float) -> str:
    """Returns the shortest decimal of a number for a message: of its float32, if it is one.

    Examples:
        >>> shortest(float(np.float32(0.1))), shortest(0.1), shortest(3.0)
        ('0.1', '0.1', '3')
        >>> shortest(0.1 + 0.2)
        '0.30000000000000004'
    """
    with np.errstate(over="ignore"):
        single = float(np.float32(value)) == value
    return float_text(value, bool(single))
