"""Compiles every model of others, and the examples, with two commits: is the hardware the same?

`python -m benchmarks.same_verilog REVISION` checks the other commit out aside, compiles each model
with both, and compares the files below `rtl/` byte by byte. A change that only moves code leaves
them all as they are.
"""

import argparse
import fnmatch
import hashlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import REPOSITORY, print_table
from benchmarks.zoo.models import all_models

_EXAMPLES = ("digits_mlp/digits_mlp", "digits_cnn/digits_cnn_qonnx", "digits_cnn/digits_cnn_qdq")
_CALL = "from qcompiler.cli.main import main; raise SystemExit(main())"
_VARIANTS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "cycles 512": ("--cycles", "512"),
    "ecp5-85k": ("--device", "ecp5-85k"),
}


def main() -> int:
    """Compares all models; exit status 1 if the hardware of one differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", help="commit to compare with, e.g. HEAD~3")
    parser.add_argument("--only", metavar="PATTERN", nargs="+", default=["*"], help="e.g. 'dory/*'")
    parser.add_argument("--variant", choices=_VARIANTS, default="", help="options of qcc compile")
    parser.add_argument("--seconds", type=float, default=120, help="time limit of one compilation")
    parsed = parser.parse_args()
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder, checkout(parsed.revision, folder) as other:
        for name, arguments in _models():
            if not any(fnmatch.fnmatch(name, pattern) for pattern in parsed.only):
                continue
            command = ["compile", *arguments, *_VARIANTS[parsed.variant]]
            now, then = (
                _hardware(tree, command, parsed.seconds, Path(folder) / f"{len(rows)}_{side}")
                for side, tree in (("now", REPOSITORY), ("then", other))
            )
            rows.append((name, _verdict(now, then)))
            print(*rows[-1], flush=True)
    counts = Counter(verdict.partition(":")[0] for _, verdict in rows)
    print_table("Hardware of two commits", ("verdict", "models"), sorted(counts.items()))
    return int(any(verdict.startswith("differs") for _, verdict in rows))


@contextmanager
def checkout(revision: str, folder: str) -> Iterator[Path]:
    """Yields a work tree of a commit, which is gone afterwards."""
    tree, git = Path(folder) / "other", ["git", "-C", str(REPOSITORY), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
    try:
        yield tree
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _models() -> Iterator[tuple[str, list[str]]]:
    """Yields the models by name, with what `qcc compile` needs for them."""
    for name in _EXAMPLES:
        yield name, [str(REPOSITORY / "examples" / f"{name}.onnx")]
    for model in all_models():
        inputs = [f"--input={name}={spec}" for name, spec in model.settings.inputs.items()]
        yield model.name, [str(model.path), *inputs]


def _hardware(tree: Path, command: list[str], seconds: float, design: Path) -> dict[str, str] | str:
    """Returns a digest of each file of the hardware that a tree makes, or why there is none."""
    call = [sys.executable, "-c", _CALL, *command, "-o", str(design)]
    try:
        done = subprocess.run(
            call, cwd=tree, env=_environment(tree), capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode:
        return "refused"
    rtl = design / "rtl"
    files = sorted(path for path in rtl.rglob("*") if path.is_file())
    return {str(p.relative_to(rtl)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree)}


def _verdict(now: dict[str, str] | str, then: dict[str, str] | str) -> str:
    if isinstance(now, str) or isinstance(then, str):
        words = [side if isinstance(side, str) else "compiles" for side in (now, then)]
        return words[0] if words[0] == words[1] else f"{words[0]} now: {words[1]} then"
    changed = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    return f"differs: {', '.join(changed[:3])}" if changed else "same"


if __name__ == "__main__":
    sys.exit(main())
