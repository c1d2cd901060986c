"""qcc opt: xDSL's mlir-opt-like driver, with our dialects, passes and targets."""

import sys
from collections.abc import Sequence

from qcompiler.cli.common import report_failures
from qcompiler.universe import PASSES


def _list_passes() -> None:
    width = max(map(len, PASSES))
    for name in sorted(PASSES):
        module = sys.modules[PASSES[name]().__module__]
        summary = (module.__doc__ or "").strip().splitlines()[0]
        sys.stdout.write(f"{name:<{width}}  {summary}\n")


def run(arguments: Sequence[str]) -> int:
    """Runs the driver; returns the exit status."""
    if "--list-passes" in arguments:
        _list_passes()
        return 0
    from xdsl.xdsl_opt_main import xDSLOptMain

    sys.argv[0] = "qcc opt"  # argparse names the program by it
    try:
        with report_failures() as outcome:
            xDSLOptMain("Runs passes on textual IR.", list(arguments)).run()
    except (ValueError, OSError) as error:  # an unknown pass, a file that is not there
        sys.stderr.write(f"qcc opt: {error}\n")
        return 2
    return outcome.status
