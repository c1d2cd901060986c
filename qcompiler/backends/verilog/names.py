"""Turns names and comments of untrusted models into Verilog text that cannot escape."""

from __future__ import annotations

import hashlib
import re

MAX_NAME_LENGTH = 64
MAX_COMMENT_LENGTH = 200
_HASH_LENGTH = 8

# Verilog and SystemVerilog words that a tool in SystemVerilog mode would trip over, VHDL words
# because mixed-language projects instantiate us, and C++ words because Verilator makes C++
# members of ports (its warning SYMRSVDWORD).
_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup coverpoint
cross deassign default defparam design disable dist do edge else end endcase endchecker endclass
endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event eventually
expect export extends extern final first_match for force foreach forever fork forkjoin function
generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies
import incdir include initial inout input inside instance int integer interconnect interface
intersect join join_any join_none large let liblist library local localparam logic longint
macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive
priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect
pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg reject_on
release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually
s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled signed small
soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1
sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran
tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until
until_with untyped use uwire var vectored virtual void wait wait_order wand weak weak0 weak1 while
wildcard wire with within wor xnor xor
"""
_VHDL = """
abs access after all architecture array attribute block body buffer bus case component
configuration constant disconnect downto elsif entity exit file generic group guarded impure in
inertial is label linkage literal loop map mod next nor of on open others out port postponed
procedure process pure range record register reject rem report return rol ror select severity
shared signal sla sll sra srl subtype then to transport unaffected units until variable when
"""
_CPP = """
alignas alignof and_eq asm auto bitand bitor bool catch char compl concept const_cast constexpr
decltype delete double dynamic_cast explicit extern false float friend goto inline long mutable
namespace noexcept not_eq nullptr operator or_eq private public reinterpret_cast short sizeof
static_assert static_cast switch template thread_local throw true try typeid typename using
volatile wchar_t xor_eq vl_main main
"""
RESERVED_WORDS = frozenset(f"{_VERILOG} {_VHDL} {_CPP}".split())


def _shorten(name: str, limit: int) -> str:
    """Cuts a name to `limit` characters; names that differ only past the cut stay different."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1]}_{digest}"


def is_legal_identifier(name: str) -> bool:
    """Returns whether `name` can stand in Verilog as it is."""
    return (
        re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None
        and name.lower() not in RESERVED_WORDS
        and len(name) <= MAX_NAME_LENGTH
    )


def sanitize(name: str) -> str:
    """Returns a legal identifier of at most 64 characters that reads like `name`."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", name)
    if not text or text[0].isdigit():
        text = f"_{text}"
    if text.lower() in RESERVED_WORDS:
        text = f"{text}_"
    return _shorten(text, MAX_NAME_LENGTH)


class Namer:
    """Hands out unique legal identifiers within one scope.

    Names that differ only in case count as equal: file systems and VHDL do not tell them apart.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._next_suffix: dict[str, int] = {}

    def unique(self, wanted: str) -> str:
        """Returns `wanted`, made legal, with `_1`, `_2`, ... appended if it is taken."""
        base = sanitize(wanted)
        name, key = base, base.lower()
        if key in self._used:
            # Room for the suffix, so that the result keeps the length bound too.
            base = _shorten(base, MAX_NAME_LENGTH - _HASH_LENGTH)
            key = base.lower()
        suffix = self._next_suffix.get(key, 1)
        while name.lower() in self._used:
            name = f"{base}_{suffix}"
            suffix += 1
        self._next_suffix[key] = suffix
        self._used.add(name.lower())
        return name

    def numbered(self, prefix: str) -> str:
        """Returns the next free `prefix0`, `prefix1`, ...; `prefix` must be a legal identifier."""
        number = self._next_suffix.get(prefix.lower(), 0)
        while f"{prefix}{number}".lower() in self._used:
            number += 1
        self._next_suffix[prefix.lower()] = number + 1
        self._used.add(f"{prefix}{number}".lower())
        return f"{prefix}{number}"


def comment_text(text: str) -> str:
    """Returns `text` fit for the rest of a `//` line: printable ASCII, one line, bounded.

    Backticks (macros), comment delimiters, and a final backslash (some tools continue the line)
    are defused. Tool pragmas hide in comments, so their introducing words are broken too.
    """
    line = "".join(c if " " <= c <= "~" else "?" for c in text)
    line = line.replace("`", "'").replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")
    line = re.sub(r"(?i)\b(verilator|synopsys|synthesis|pragma|cadence|xilinx)\b", r"'\1'", line)
    if len(line) > MAX_COMMENT_LENGTH:
        line = f"{line[: MAX_COMMENT_LENGTH - 3]}..."
    return line.rstrip()
