"""Lists of files, as Verilator, Icarus and commercial simulators take them with -f."""

from qcompiler.backends.package.constraints import write_constraints
from qcompiler.backends.package.contents import BENCH, RTL, Contents


def write_filelist(contents: Contents) -> str:
    """Writes `TOP.f` for synthesis and `TOP_tb.f` for simulation; returns the first's name."""
    write_constraints(contents)
    names = [name.removeprefix(f"{RTL}/") for name in contents.memories]
    memories = f"// Found where a simulator runs: {', '.join(names)}\n" if names else ""
    files = "\n".join(contents.sources)
    head = f"// {contents.description}\n// Top module: {contents.top}\n"
    bench = contents.bench[0]
    vectors = ", ".join(name.removeprefix(f"{BENCH}/") for name in contents.bench[1:])
    contents.write(
        f"{contents.design}_tb.f",
        f"// {contents.description}\n// Top module: {contents.design}_tb\n{memories}"
        f"// and: {vectors}\n{files}\n{bench}\n",
    )
    return contents.write(f"{contents.design}.f", f"{head}{memories}{files}\n")
