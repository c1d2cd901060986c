"""A compiled design: predict, simulate, report, write."""

from html import escape
from pathlib import Path
from typing import Any

from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.layout import LEVELS
from qcompiler.backends.output import write_design
from qcompiler.backends.report.estimates import build_report
from qcompiler.backends.report.notebook import Report, report_html
from qcompiler.backends.written import read_design


class Design(CompiledDesign):
    """A network at every level, from the imported model to Verilog; see `CompiledDesign`."""

    def report(self) -> Report:
        """Returns cycles, latency, area, and the folding of each layer."""
        return build_report(self)

    def _repr_html_(self) -> str:
        """Returns what notebooks show: the report."""
        if "stream" not in self.levels:
            return f"<p>{escape(repr(self))}</p>"
        return f"<p><b>{escape(self.name)}</b></p>{report_html(self.report())}"

    def plot(self, axes: Any = None) -> Any:
        """Draws the report; see `Report.plot`."""
        return self.report().plot(axes)

    def write(self, directory: str | Path, *, weights: str | None = None) -> Path:
        """Writes everything into `directory`, whole or not at all; replaces an earlier design.

        Args:
            directory: where to write.
            weights: name of an .npz beside the IR that takes its large constants.

        Raises:
            ModelError: `directory` holds something that is not a design of ours.
        """
        return write_design(self, Path(directory), weights)


def load(directory: str | Path) -> Design:
    """Returns a design that `Design.write` or `qcc compile` wrote: predict, simulate, report again.

    Raises:
        ModelError: the directory holds no design, or one that cannot be read.

    Examples:
        >>> import qcompiler, tempfile
        >>> design = qcompiler.compile("examples/digits_mlp/digits_mlp.onnx", cycles=64)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = design.write(f"{folder}/digits_mlp")
        ...     again = qcompiler.load(written)
        >>> again.report() == design.report()
        True
    """
    return read_design(Design, Path(directory), LEVELS)[0]
