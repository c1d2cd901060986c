"""Registers where a clock asks for them: the pass pipeline-registers."""

from qcompiler.analysis.network import Network
from qcompiler.devices.delays import DelayModel
from qcompiler.rtl.build import place_registers


def put_registers(network: Network, model: DelayModel) -> None:
    """Gives each process the pipeline registers that the model's clock asks for."""
    for process in network.processes:
        place_registers(model, process)
