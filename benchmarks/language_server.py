"""Times the language server on a file of 1,000 lines, over its real protocol.

`python -m benchmarks.language_server`: after opening, hovers at random places; the same after
an edit, while the text is looked at anew (lines that the edit did not touch).
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from editor import Editor  # what speaks the protocol in the tests, too

LINES = 1000
HOVERS = 200
LIMIT_MS = 100
URI = "file:///nowhere/large.qnn"


def large_text(lines: int) -> str:
    """Returns a network of so many lines."""
    body = ["network large(x: uint8[1, 8, 16] scale 1/255) {",
            "  w: int4[8, 8, 3] scale 0.125 = load_weights"]  # fmt: skip
    rows = ", ".join("[" + ", ".join("[1, -2, 3]" for _ in range(8)) + "]" for _ in range(8))
    body[1] = body[1].replace("load_weights", f"[{rows}]")
    body.append("  h0 = x")
    for index in range((lines - len(body) - 2) // 3):
        body.append(f"  c{index} = conv(h{index}, w, pads: same, strides: [1])")
        body.append(f"  r{index} = relu(c{index})")
        body.append(f"  h{index + 1} = requantize(r{index}, uint8, scale: 1/255, zero_point: 0)")
    last = (lines - 5) // 3
    body += ["  # end"] * (lines - len(body) - 2)
    return "\n".join([*body, f"  return quantize(h{last}, uint8, scale: 0.5)", "}"]) + "\n"


def main() -> int:
    """Measures; exit status 1 if a hover takes longer than `LIMIT_MS`."""
    text = large_text(LINES)
    rows = text.splitlines()
    editor = Editor()
    start = time.perf_counter()
    editor.open(URI, text)
    marks = editor.marks()
    print(
        f"{len(rows)} lines, {len(marks)} problems, opened in {time.perf_counter() - start:.2f} s"
    )
    random = np.random.default_rng(0)

    def hovers(count: int, pause: float = 0) -> tuple[list[float], int]:
        taken: list[float] = []
        told = 0
        for _ in range(count):
            line = int(random.integers(len(rows)))
            place = int(random.integers(len(rows[line]) + 1))
            start = time.perf_counter()
            told += editor.at("hover", URI, line, place) is not None
            taken.append(1e3 * (time.perf_counter() - start))
            time.sleep(pause)
        return taken, told

    taken, told = hovers(HOVERS)
    print(f"hover: median {np.median(taken):.1f} ms, worst {max(taken):.1f} ms, of {told} told")
    editor.change(URI, 2, text + "\n# an edit\n")
    after, told = hovers(HOVERS // 5, 0.05)
    print(
        f"after an edit, while it is looked at: median {np.median(after):.1f} ms, "
        f"worst {max(after):.1f} ms, of {told} told"
    )
    editor.close()
    return int(max(*taken, *after) > LIMIT_MS or bool(marks))


if __name__ == "__main__":
    raise SystemExit(main())
