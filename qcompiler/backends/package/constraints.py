"""The clock, as tools of vendors and nextpnr want to be told it. Pins are a board's."""

from qcompiler.backends.package.contents import CONSTRAINTS, Contents


def write_constraints(contents: Contents) -> dict[str, str]:
    """Writes one file for each kind of tool and returns their names by suffix."""
    period = f"{1e3 / contents.mhz:.4f}"
    told = f"create_clock -name ap_clk -period {period} [get_ports ap_clk]\n"
    said = f"The clock that {contents.top} was compiled for; pins are the board's."
    texts = {
        "xdc": f"# {said}\n{told}",
        "sdc": f"# {said}\n{told}",
        "lpf": f'# {said}\nFREQUENCY PORT "ap_clk" {contents.mhz:g} MHZ;\n',
    }
    return {
        kind: contents.write(f"{CONSTRAINTS}/{contents.top}.{kind}", text)
        for kind, text in texts.items()
    }
