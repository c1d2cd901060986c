"""What families of Lattice have in common."""

from qcompiler.devices.memories import Ram
from qcompiler.devices.words import Options

TRELLIS_RAMS = (
    Ram("distributed", 4, 4, (4,), 4),
    Ram("block", 128, 14, (1, 2, 4, 9, 18), 1, reads_old=False, one_port=True),
    Ram("block", 128, 14, (1, 2, 4, 9, 18, 36), 1, reads_old=False),
)
CONSTANTS = {"VLO": "0", "VHI": "1"}


def sizes(names: str, **valued: str) -> Options:
    """Returns the options of a placer that takes a part's size, and options with a value."""
    flags = frozenset(f"--{name}" for name in names.split())
    return Options(flags, {f"--{name}": pattern for name, pattern in valued.items()})
