"""Where a design keeps the IR that a pass left; names count the passes before it."""

from pathlib import Path


def ir_after(folder: Path, name: str) -> Path:
    """Returns the file of one pass in a design's folder `ir`."""
    (path,) = folder.glob(f"[0-9][0-9]-{name}.mlir")
    return path
