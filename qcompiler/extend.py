"""What a plugin registers: operations from the model to hardware, one decorator for each step.

| step | decorator | of what |
|---|---|---|
| model to IR | `importer(domain, "Name")` | a function of a `NodeContext` |
| belongs in hardware | `core_operation` | the class of an operation on integers |
| meaning | `semantics(OpType, ProcessType)` | a numpy function of operation and operands |
| range of the result | `range_rule(OpType)` | a function of the operation |
| IR to process | `lowering(OpType)` | a function of the operation and its channels |
| clock to registers | `pipelining(ProcessType)` | a function of a `DelayModel` and the process |
| process to RTL | `hardware(ProcessType)` | a function of a `Place` and the process |
| weights of matrix units | `weight_style("name")` | a function of the weights, see `WeightCode` |

A device is made known with `add_device(FILE)`, a family of devices with `add_family(FAMILY)`.
Passes, dialects and targets need no decorator, see `qcompiler.plugins`. The guides write-a-pass.md,
write-an-operation.md and write-a-device.md have worked examples.
"""

from qcompiler.devices import add_device
from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.devices.families import add_family
from qcompiler.frontends.onnx import NodeContext, RefusalError, importer
from qcompiler.interpreters.registered import semantics
from qcompiler.passes.convert_qint_to_stream import lowering
from qcompiler.passes.infer_ranges import range_rule
from qcompiler.passes.split_host import core_operation
from qcompiler.passes.to_stream.state import frame_of
from qcompiler.rtl.blocks.weight_codes import WeightCode, weight_style
from qcompiler.rtl.hardware import Place, hardware, pipelining

__all__ = [
    "DelayModel",
    "NodeContext",
    "Place",
    "RefusalError",
    "Segment",
    "WeightCode",
    "add_device",
    "add_family",
    "core_operation",
    "frame_of",
    "hardware",
    "importer",
    "lowering",
    "pipelining",
    "range_rule",
    "semantics",
    "weight_style",
]
