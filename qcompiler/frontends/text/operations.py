"""All operations by the names that texts use."""

from qcompiler.frontends.text.integer_operations import INTEGER_OPERATIONS, ROUNDING
from qcompiler.frontends.text.real_operations import REAL_OPERATIONS
from qcompiler.frontends.text.signatures import Kind, Param, Signature

OPERATIONS: dict[str, list[Signature]] = {}
"""By short name (`add`: of reals or of integers, whichever is given) and full name (`qint.add`)."""

MEANINGS_DIFFER = frozenset({"conv", "pool", "depth_to_space", "sample", "softmax"})
"""Operations of qint whose short names mean nn: channels are last here, softmax is fixed point."""


def spoken_name(signature: Signature) -> str:
    """Returns how the printer calls an operation: briefly, where that is clear."""
    if signature.integers and signature.name in MEANINGS_DIFFER:
        return signature.kind.name
    return signature.name


for _signature in (*REAL_OPERATIONS, *INTEGER_OPERATIONS):
    for _name in {spoken_name(_signature), _signature.kind.name}:
        OPERATIONS.setdefault(_name, []).append(_signature)

BY_CLASS = {signature.kind: signature for signature in (*REAL_OPERATIONS, *INTEGER_OPERATIONS)}

REQUANTIZE_REALS = (
    Param("type", Kind.TYPE),
    Param("scale", Kind.REALS),
    Param("zero_point", Kind.INTEGERS, 0),
    ROUNDING,
    Param("axis", Kind.INT, None),
    Param("zero_point_after_rounding", Kind.BOOL, False),
)
"""What `requantize` takes on reals, where it means quantize and dequantize on one scale."""

FUNCTIONS = {
    "load": 'load("file.npy") or load("file.npz", "entry"): the numbers of a file beside this one',
    "float32": "float32(numbers): the same numbers, rounded to float32",
    "float64": "float64(numbers): the same numbers, with the longer significand",
    "parameter": "parameter(numbers): one number for each channel, in a scalar function",
}
"""What is no operation, and yet called like one."""
