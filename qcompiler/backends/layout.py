"""What a written design consists of, and where in its directory it stands."""

from pathlib import Path

from msgspec import Struct

GENERATOR = "qcompiler"
LEVELS = ("nn", "qint", "stream", "rtl")
MANIFEST, MAP, PAGE, VIEW = "design.json", "map.json", "report.html", "view.html"
IMAGE = "image.bin"
"""Of the weights that a memory beside the chip holds; `map.json` beside it says which is where."""


class Layout(Struct, frozen=True):
    """The places of a written design.

    - `design.json`: what it is: ports, types, files, prediction; marks the directory as ours
    - `rtl/`: Verilog and memory contents
    - `tb/`: a self-checking test bench with vectors
    - `weights/`: what the memory beside the chip holds, or the host writes first, and where what is
    - `driver/`: a Python module for the host: quantize, pack, unpack, dequantize
    - `ir/`: the module at each level, and after passes if asked for; text that `qcc opt` reads
    - `report/`: estimates and results of tools; `report.html`: the same as a page.
      `report/liveness.json`: the certificate of FIFO sizes, which `qcc prove` makes and checks
    - `view.html`: the inside as a page, made by `qcc view`
    - `map.json`: lines of Verilog, operations of the IR, nodes of the model, see `source_map`
    - `synth/`: where `qcc synth` works
    - `package/`: what `qcc package` made for other tools, one folder a format

    Attributes:
        directory: that the design is in.
    """

    directory: Path

    @property
    def manifest(self) -> Path:
        """What the design is, in JSON."""
        return self.directory / MANIFEST

    @property
    def map(self) -> Path:
        """The source map."""
        return self.directory / MAP

    @property
    def page(self) -> Path:
        """The report as a page."""
        return self.directory / PAGE

    @property
    def view(self) -> Path:
        """The inside of the design as a page."""
        return self.directory / VIEW

    @property
    def rtl(self) -> Path:
        """Folder of Verilog and memory contents."""
        return self.directory / "rtl"

    @property
    def testbench(self) -> Path:
        """Folder of the test bench."""
        return self.directory / "tb"

    @property
    def driver(self) -> Path:
        """Folder of the host's part."""
        return self.directory / "driver"

    @property
    def weights(self) -> Path:
        """Folder of weights that are not in the hardware."""
        return self.directory / "weights"

    @property
    def ir(self) -> Path:
        """Folder of the module at each level."""
        return self.directory / "ir"

    @property
    def reports(self) -> Path:
        """Folder of estimates, and of what tools found."""
        return self.directory / "report"

    def level(self, name: str) -> Path:
        """Returns the file of the module at a level."""
        return self.ir / f"{name}.mlir"

    def report(self, name: str) -> Path:
        """Returns the file of a report, by its name without the suffix."""
        return self.reports / f"{name}.json"

    def synthesis(self, name: str) -> Path:
        """Returns the folder where tools work on the design, by the device's name."""
        return self.directory / "synth" / name

    def package(self, kind: str) -> Path:
        """Returns the folder of a package, by its format."""
        return self.directory / "package" / kind
