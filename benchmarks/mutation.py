"""Mutants of hardware, made by Yosys: which of them `qcc prove` refuses (docs/mutants.md).

`python -m benchmarks.mutation` makes some mutants of each kind of block of the two digits networks:
a bit of an operation's input or output inverted, stuck, or mixed with another one.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import qcompiler
from benchmarks.common import REPOSITORY
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.backends.synthesis.yosys import run_script
from qcompiler.progress import silent
from qcompiler.proofs.blocks import flat_block, flat_top
from qcompiler.proofs.jobs import Effort, Proofs, Result

BLOCKS = {
    "digits_mlp/digits_mlp.onnx": (
        "top", "digits_mlp_register_slice_w8", "fc2_width_adapter", "fc3_width_adapter", "fc2_fifo",
        "fc3_fifo", "act1_requantize", "fc3_mvau",
    ),
    "digits_cnn/digits_cnn_qonnx.onnx": (
        "act1_duplicate", "act3_add", "pool_pool", "depthwise_vvau", "skip_quant_requantize",
        "act3_requantize",
    ),
}  # fmt: skip
EACH = 9
EFFORT = Effort(seconds=60, states=50_000, traces=False)


def mutants(proofs: Proofs, name: str, folder: Path) -> list[str]:
    """Returns commands of Yosys, each of which makes one mutant of a block."""
    files, flat = flat_block(proofs.sources, proofs.module(name))
    if name == "top":
        files, flat = list(proofs.sources.files), flat_top(proofs.sources)
    for path in files:
        (folder / path.name).write_bytes(path.read_bytes())
    listing = f"mutate -list {EACH + 1} -seed 1 -none -o mutants.txt"
    run_script([*flat, listing], folder, Limits(120), silent)
    return (folder / "mutants.txt").read_text(encoding="utf-8").splitlines()[1:]


def outcomes() -> Iterator[tuple[str, str, Result]]:
    """Yields block, mutant, and what came of its proof."""
    for model, names in BLOCKS.items():
        with TemporaryDirectory() as work:
            design = qcompiler.compile(REPOSITORY / "examples" / model)
            design.write(Path(work) / "d")
            proofs = Proofs.read(Path(work) / "d", EFFORT)
            sound = proofs.sources
            for name in names:
                proofs.sources = sound
                folder = Path(work) / name
                folder.mkdir()
                for mutant in mutants(proofs, name, folder):
                    proofs.sources = replace(sound, changes=(mutant,))
                    yield name, mutant, proofs.prove(name)


def main() -> None:
    """Writes one line a mutant, and counts."""
    found: list[dict[str, str]] = []
    for name, mutant, result in outcomes():
        if result.words.startswith("yosys"):
            raise SystemExit(f"{name}: {mutant}: {result.words}")
        found.append({"block": name, "mutant": mutant, "status": result.status,
                      "words": result.words})  # fmt: skip
        print(json.dumps(found[-1]), flush=True)
    caught = sum(one["status"] not in ("proven", "control") for one in found)
    print(f"{len(found)} mutants, {caught} refused, {len(found) - caught} survive", file=sys.stderr)


if __name__ == "__main__":
    main()
