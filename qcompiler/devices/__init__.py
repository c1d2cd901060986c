"""What FPGA parts hold and how they are built for: `*.toml` beside this file, and users' own."""

from qcompiler.devices.device import BlockRam, Device, Dsp, Logic, PlaceAndRoute, Synthesis, Vendor
from qcompiler.devices.library import (
    DEFAULT_DEVICE,
    FOLDER_VARIABLE,
    add_device,
    device_names,
    load_device,
)

__all__ = [
    "DEFAULT_DEVICE",
    "FOLDER_VARIABLE",
    "BlockRam",
    "Device",
    "Dsp",
    "Logic",
    "PlaceAndRoute",
    "Synthesis",
    "Vendor",
    "add_device",
    "device_names",
    "load_device",
]
