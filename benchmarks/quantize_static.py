"""Compiles what onnxruntime's `quantize_static` makes of ten ordinary networks, in five settings.

Each design's outputs are compared with onnxruntime's, on random images and on extreme ones: with
its float32 operations as the model has them (`plain`), and with its integer kernels, which are what
numerics `onnxruntime` means, see docs/numerics.md. Where codes differ from the plain ones, every
quantizer of the model is computed again from onnxruntime's own codes before it, in real arithmetic:
its code must be the real one, or lie as near to where the rounding switches as float32 can err on
the way. What does not is a mismatch.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.bounded import Bounds, run_bounded
from benchmarks.common import REPOSITORY, markdown, print_table, save_results
from benchmarks.everyday_networks import INPUT, NETWORKS, SETTINGS, quantized
from benchmarks.reference import Replay
from benchmarks.zoo.integer_kernels import integer_kernels
from benchmarks.zoo.runtimes import session
from qcompiler import compile as compile_model
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError
from qcompiler.interpreters import run_model

_BOUNDS = Bounds(seconds=120, memory=2 << 30)
_DOCUMENT = REPOSITORY / "docs" / "quantize_static.md"
_NEAR = 1e-5
"""Of the largest output: what is less is no other code, but float32 behind the last quantizer."""
REFERENCES = ("plain", "integer kernels", "integer kernels, exact averages")


@dataclass
class Case:
    """What became of a network in a setting.

    Attributes:
        network, setting: which.
        status: `compiled`, `refused` or `failed`.
        said: why it was refused or failed.
        values: outputs compared.
        differ: of them, by reference.
        codes: compared one by one with the plain runtime's, if any output differs.
        ties: of them, those that differ from the real ones by float32 noise.
        mismatches: of them, all others that differ.
        apart: outputs of a design with exact numerics that are not those of the imported network,
            computed in real arithmetic by the interpreter.
    """

    network: str
    setting: str
    status: str = "compiled"
    said: list[str] = field(default_factory=list[str])
    values: int = 0
    differ: dict[str, int] = field(default_factory=dict[str, int])
    codes: int = 0
    ties: int = 0
    mismatches: int = 0
    apart: int = 0

    @property
    def good(self) -> bool:
        """Whether it is equal, or every difference is explained, or it was refused."""
        if self.status != "compiled":
            return self.status == "refused"
        explained = self.codes > 0 and not self.mismatches and not self.apart
        return min(self.differ.values()) == 0 or explained

    @property
    def words(self) -> str:
        """The cell of a table."""
        if self.status != "compiled":
            return self.status
        if min(self.differ.values()) == 0:
            plain = self.differ["plain"]
            return f"equal ({plain} ties)" if plain else "equal"
        return "differs" if not self.good else f"{self.ties} of {self.codes} codes are ties"


def images(count: int) -> Array:
    """Returns images of normal numbers, of both signs and sizes, and extreme ones."""
    random = np.random.default_rng(3)
    normal = random.standard_normal((count, *INPUT))
    normal[count // 2 :] *= 20
    corners = random.choice([-100.0, 100.0], (max(2, count // 8), *INPUT))
    flat = [np.full((1, *INPUT), value) for value in (-1e3, 0, 1e3)]
    return np.concatenate([normal, corners, *flat]).astype(np.float32)


def run_case(path: Path, network: str, setting: str, count: int) -> Case:
    """Compiles a model and compares it."""
    found = Case(network, setting)
    try:
        design = compile_model(path)
    except ModelError as error:
        found.status, found.said = "refused", [str(problem) for problem in error.problems]
        return found
    model, x = onnx.load(path), images(count)
    made = np.asarray(design.predict(x)).astype(np.float64)
    found.values = made.size
    for name, reference in zip(REFERENCES, _references(model), strict=True):
        wanted = _outputs(reference, x)[0].reshape(made.shape).astype(np.float64)
        allowed = _NEAR * max(1e-30, float(np.abs(wanted).max()))
        found.differ[name] = int((np.abs(made - wanted) > allowed).sum())
    if min(found.differ.values()):
        found.apart = _apart(path, x)
        replay = Replay(design.level("nn"), *_tensors(model, x))
        replay.run([x])
        found.codes, found.ties = replay.found.integers, int(replay.found.noise)
        found.mismatches, found.said = int(replay.found.mismatches), replay.found.notes
    return found


def _apart(path: Path, x: Array) -> int:
    """Returns the outputs of real arithmetic in which the design is not the imported network."""
    design = compile_model(path, numerics="exact")
    made = np.asarray(design.predict(x)).astype(np.float64)
    (wanted,) = run_model(design.level("nn"), [x])
    allowed = _NEAR * max(1e-30, float(np.abs(wanted).max()))
    return int((np.abs(made - wanted.reshape(made.shape)) > allowed).sum())


def _references(model: onnx.ModelProto) -> list[onnx.ModelProto]:
    return [model, integer_kernels(model)[0], integer_kernels(model, exact_averages=True)[0]]


def _outputs(model: onnx.ModelProto, x: Array) -> list[Array]:
    """Returns all outputs for a batch, shape [count, ...]."""
    runtime = session(model.SerializeToString(), optimised=False, precise=False)
    rows = [runtime.run(None, {"x": image}) for image in x]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _tensors(model: onnx.ModelProto, x: Array) -> tuple[dict[str, Array], onnx.GraphProto]:
    """Returns what the codes of each quantizer stand for, by tensor, and the graph."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = {i.name: numpy_helper.to_array(i) for i in copy.graph.initializer}
    quantizers = [n for n in copy.graph.node if n.op_type == "QuantizeLinear"]
    del copy.graph.output[:]
    copy.graph.output.extend(onnx.ValueInfoProto(name=n.output[0]) for n in quantizers)
    found: dict[str, Array] = {}
    for node, codes in zip(quantizers, _outputs(copy, x), strict=True):
        scale, zero = (constants[name].astype(np.float64) for name in node.input[1:3])
        found[node.output[0]] = (codes.astype(np.float64) - zero) * scale
    return found, copy.graph


def all_cases(networks: list[str], count: int) -> list[Case]:
    """Runs every setting of the networks, each case in bounds."""
    found: list[Case] = []
    with tempfile.TemporaryDirectory() as folder:
        for network in networks:
            for setting in SETTINGS:
                path = quantized(network, setting, Path(folder))
                found.append(_bounded(path, network, setting, count))
                print(f"{network} {setting}: {found[-1].words}", flush=True)
    return found


def _bounded(path: Path, network: str, setting: str, count: int) -> Case:
    outcome = run_bounded(
        lambda: json.dumps(asdict(run_case(path, network, setting, count))), _BOUNDS
    )
    if outcome.failed:
        return Case(network, setting, "failed", outcome.said.strip().splitlines()[-1:])
    fields: Mapping[str, Any] = json.loads(outcome.said)
    return Case(**fields)


def _table(cases: list[Case]) -> list[list[str]]:
    rows: dict[str, list[str]] = {}
    for case in cases:
        rows.setdefault(case.network, [case.network]).append(case.words)
    return list(rows.values())


_PAGE = """# Models of onnxruntime's quantizer

Written by `python -m benchmarks.quantize_static --write-docs`; do not edit.

Ten small networks of ordinary parts, made by a script in float, quantized by onnxruntime's
`quantize_static` in five settings, compiled with default options. The integers are compared with
onnxruntime's on {values} outputs of random and extreme images in all.

{table}

- *equal*: every integer is that of onnxruntime's integer kernels, which is what numerics
  `onnxruntime` means ([numerics](numerics.md)); averages are those of exact sums. In brackets:
  outputs that differ when onnxruntime computes the same model in float32, operation by operation.
- *ties*: codes that differ from real arithmetic on onnxruntime's own codes before, each of which
  lies as near to where its rounding switches as float32 can err. There is no integer kernel with
  16 bits.

What does not compile, and why:

{others}

In the QOperator format `quantize_static` leaves operations in float for which onnxruntime has no
integer kernel (`ConvTranspose`, `HardSwish`, pools behind them). Between quantized layers, and
where they have weights, these are refused; `QuantFormat.QDQ` quantizes them, too.
"""


def write_page(cases: list[Case]) -> None:
    """Writes docs/quantize_static.md."""
    others = [
        f"- `{case.network}`, `{case.setting}` ({case.status}): {said}"
        for case in cases
        for said in case.said
        if case.status != "compiled"
    ]
    text = _PAGE.format(
        values=f"{sum(case.values for case in cases):,}",
        table=markdown(["network", *SETTINGS], _table(cases)),
        others="\n".join(others) or "Nothing.",
    )
    _DOCUMENT.write_text(text, encoding="utf-8")


def main() -> int:
    """Runs the matrix; exit status 1 if anything failed, or differs without explanation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--write-docs", action="store_true", help="write docs/quantize_static.md")
    parsed = parser.parse_args()
    logging.disable(logging.WARNING)  # quantize_static advises to preprocess each model
    cases = all_cases(parsed.networks, parsed.images)
    print_table("Models of quantize_static", ["network", *SETTINGS], _table(cases))
    for case in cases:
        if case.said and (not case.good or case.status == "refused"):
            print(f"{case.network} {case.setting}: " + "\n  ".join(["", *case.said]))
    save_results("quantize_static", [asdict(case) for case in cases])
    if parsed.write_docs:
        write_page(cases)
    return int(not all(case.good for case in cases))


if __name__ == "__main__":
    sys.exit(main())
