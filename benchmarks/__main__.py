"""Runs all benchmarks, each in a process of its own; `python -m benchmarks`."""

import argparse
import subprocess
import sys

ALL = (
    ("reference",),
    ("compile_time", "--phases"),
    ("simulation_speed",),
    ("view_page",),
    ("explore",),
    ("steady_state", "--write-docs"),
    ("fifo_sizing", "--verify", "--write-docs"),
    ("resnet50_qdq", "--write-docs"),
    ("estimates", "--write-docs"),
    ("mac_efficiency", "--write-docs"),
    ("netlist_check", "--write-docs"),
    ("place", "--write-docs"),
    ("model_zoo", "--write-docs"),
    ("qonnx_mlps", "--write-docs"),
    ("quantize_static", "--write-docs"),
    ("transformers", "--write-docs"),
    ("softmax_bound", "--write-docs"),
    ("turns",),
    ("quantize_time",),
    ("quantization", "--write-docs"),
)
"""Modules with their options; slow ones come last."""


def main() -> int:
    """Runs them in turn; exit status 1 if one of them reports a failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which ones (default: all)")
    parsed = parser.parse_args()
    failed = []
    for name, *options in ALL:
        if parsed.names and name not in parsed.names:
            continue
        print(f"# {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print("failed or slower than wanted: " + ", ".join(failed) if failed else "all as wanted")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
