"""Writes a package of a written design: whole, or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qcompiler.backends.folders import put_in_place
from qcompiler.backends.layout import Layout
from qcompiler.backends.package.contents import Contents, Identity, gather
from qcompiler.backends.package.filelist import write_filelist
from qcompiler.backends.package.fusesoc import write_core
from qcompiler.backends.package.ipxact import write_ip
from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.written import require_design
from qcompiler.errors import ModelError

FORMATS: Mapping[str, Callable[[Contents], str]] = {
    "ipxact": write_ip,
    "fusesoc": write_core,
    "filelist": write_filelist,
}
"""What writes the files of each format, and returns the name of the one to begin with."""


@dataclass(frozen=True)
class Package:
    """What `write_package` wrote.

    Attributes:
        folder: the package.
        file: the one to begin with.
        top: the module to instantiate.
        vlnv: vendor, library, name and version.
    """

    folder: Path
    file: Path
    top: str
    vlnv: str


def write_package(
    directory: Path, kind: str, identity: Identity | None = None, *, status: bool = False
) -> Package:
    """Writes `package/FORMAT` in a written design, in place of an earlier one.

    Args:
        directory: as `Design.write` made it.
        kind: one of `FORMATS`.
        identity: vendor, library and version of the core.
        status: whether it gets registers over AXI4-Lite.

    Raises:
        ModelError: the directory holds no design, or one without what was asked for; or a word of
            the identity would be more than a word in the files.
    """
    identity = identity or Identity()
    if problems := identity.problems():
        raise ModelError(problems)
    require_design(directory)
    target = Layout(directory).package(kind)
    target.parent.mkdir(exist_ok=True)
    with scratch_folder(target.parent, f".{kind}", target) as aside:
        fresh = aside / kind
        fresh.mkdir()
        contents = gather(directory, fresh, identity, status=status)
        file = FORMATS[kind](contents)
        put_in_place(fresh, target, aside)
    return Package(target, target / file, contents.top, contents.vlnv)
