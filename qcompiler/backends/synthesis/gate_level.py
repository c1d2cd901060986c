"""Makes a netlist ready for simulation: Yosys' Verilog, with models of the cells."""

from pathlib import Path

from msgspec.structs import replace

from qcompiler.backends.simulators import RtlDesign
from qcompiler.backends.synthesis.flow import RESULT, digest, work_folder
from qcompiler.backends.synthesis.models import cell_models
from qcompiler.backends.synthesis.yosys import NETLIST_JSON, NETLIST_VERILOG, share_folder
from qcompiler.devices import Device
from qcompiler.errors import ModelError, Problem
from qcompiler.json_files import DAMAGE, read_json

# Some of Yosys' models are not quite Verilog-2005.
_MODELS = "cell_models.sv"


def netlist_design(directory: Path, rtl: RtlDesign, device: Device) -> RtlDesign:
    """Returns the netlist that `qcc synth` left for a device, to simulate in place of `rtl`.

    Raises:
        ModelError: there is none, or the Verilog has changed since.
        SynthesisError: a cell has no simulation model.
    """
    folder = work_folder(directory, device)
    remedy = f"run qcc synth {directory} --device {device.file or device.name}"
    try:
        result = read_json(folder / RESULT)
        netlist = read_json(folder / NETLIST_JSON)
        cells = netlist["modules"][rtl.top]["cells"].values()
        made_from = result["digest"]
    except FileNotFoundError:
        problem = Problem(str(directory), f"has no netlist for {device.name}", remedy)
        raise ModelError([problem]) from None
    except DAMAGE as error:
        what = f"has a damaged netlist for {device.name}: {error}"
        raise ModelError([Problem(str(directory), what, remedy)]) from None
    if made_from != digest(rtl):
        what = f"its Verilog has changed since it was synthesized for {device.name}"
        raise ModelError([Problem(str(directory), what, remedy)])
    sources = [folder / NETLIST_VERILOG]
    text = cell_models(device.family, share_folder(), cells)
    if text:
        (folder / _MODELS).write_text(text, encoding="utf-8")
        sources.append(folder / _MODELS)
    return replace(rtl, sources=tuple(sources))
