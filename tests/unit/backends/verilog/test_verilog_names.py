"""Names and comments of hostile models cannot leave their place."""

import re
from pathlib import Path

import pytest
from rtl_testing import lint, parse
from xdsl.dialects import hw
from xdsl.dialects.builtin import ArrayAttr, NameLoc, StringAttr, UnknownLoc

from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.backends.verilog.names import (
    MAX_NAME_LENGTH,
    Namer,
    comment_text,
    is_legal_identifier,
    sanitize,
)

HOSTILE = [
    "",
    "9lives",
    "a b;endmodule",
    "`include",
    "\\escaped ",
    "日本",
    "wire",
    "WIRE",
    "logic",
    "downto",
    "int",
    "x" * 500,
    "$display",
    "a\nb",
    '"',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_becomes_a_legal_identifier(name: str) -> None:
    assert is_legal_identifier(sanitize(name))


def test_names_in_a_scope_are_unique_and_bounded() -> None:
    namer = Namer()
    wanted = [*HOSTILE, *HOSTILE, *("x" * 70 + str(i) for i in range(5)), "a", "A", "a_1", "a"]
    names = [namer.unique(name) for name in wanted]
    names += [namer.numbered("_t") for _ in range(3)]
    assert len({name.lower() for name in names}) == len(names)
    assert all(len(name) <= MAX_NAME_LENGTH for name in names)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain text, 100%", "plain text, 100%"),
        ("a*/ /*b", "a* / / *b"),
        ("`define x", "'define x"),
        ("line\nwire x;", "line?wire x;"),
        ("ends in \\", "ends in /"),
        ("verilator lint_off", "'verilator' lint_off"),
        ("é\u2028\x1b[2J", "???[2J"),
        ("y" * 300, "y" * 197 + "..."),
    ],
)
def test_comments_stay_on_their_line(text: str, safe: str) -> None:
    assert comment_text(text) == safe


def test_a_module_full_of_hostile_names_is_clean_verilog(tmp_path: Path) -> None:
    module = parse(
        """hw.module @"x;endmodule"(in %clk "clk\\0A" : !seq.clock, in %a "reg" : i8,
                                    in %b "REG" : i8, out "initial begin" : i8) {
          %s = comb.add %a, %b : i8
          %q = seq.compreg %s, %clk : i8
          %r = comb.xor %q, %s : i8
          hw.output %r : i8
        }"""
    )
    top = module.body.block.first_op
    assert isinstance(top, hw.HWModuleOp)
    evil = '*/ endmodule\nmodule evil; `include "/etc/passwd" \\'
    top.attributes["rtl.comment"] = ArrayAttr([StringAttr(evil)])
    for op in list(top.body.block.ops)[:-1]:
        op.attributes["rtl.comment"] = StringAttr(evil)
        op.location = NameLoc(StringAttr(evil), UnknownLoc())
    design = emit_verilog(module)
    ((file, text),) = design.files.items()
    assert file == "x_endmodule.v"
    code = re.sub(r"//.*", "", text)
    assert text.isascii()
    assert re.findall(r"\b(?:end)?module\b", code) == ["module", "endmodule"]
    assert "`" not in text
    assert lint(design, "x_endmodule", tmp_path) == ""
