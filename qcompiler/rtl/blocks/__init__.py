"""The hardware blocks, one a file: how it is built, for what, and where registers may stand."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Imports all blocks: each registers what it is the hardware of."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
