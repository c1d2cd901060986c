"""Windows as TensorFlow describes them."""

from collections.abc import Sequence

from qcompiler.arith.windows import Window
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.tflite.node import NodeContext

_SAME, _VALID = 0, 1


def window_of(node: NodeContext, kernel: Sequence[int], *, dilated: bool = True) -> Window:
    """Returns the window of an operation on images [batch, height, width, channels].

    Raises:
        RefusalError: its numbers are no window.
    """
    number = node.node.number
    strides = number("StrideH"), number("StrideW")
    dilations = (number("DilationHFactor"), number("DilationWFactor")) if dilated else (1, 1)
    padding, shape = number("Padding"), node.input(0).shape
    numbers = (*kernel, *strides, *dilations)
    if padding not in (_SAME, _VALID) or len(shape) != 4 or min(numbers) < 1:
        raise RefusalError(
            f"kernel {list(kernel)}, strides {list(strides)}, dilations {list(dilations)} and "
            f"padding {padding} are no window over {list(shape)}",
            "convert the model again",
        )
    begin, end = (0, 0), (0, 0)
    if padding == _SAME:
        totals = [
            max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            for n, k, s, d in zip(shape[1:3], kernel, strides, dilations, strict=True)
        ]
        begin = (totals[0] // 2, totals[1] // 2)
        end = (totals[0] - begin[0], totals[1] - begin[1])
    return Window((kernel[0], kernel[1]), strides, dilations, begin, end)
