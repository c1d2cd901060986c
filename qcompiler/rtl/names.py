"""Names of hardware: words that no module may be called by, and the name of the top module."""

from xdsl.dialects.builtin import ModuleOp, StringAttr

from qcompiler.provenance.sources import identifier

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


def top_name(module: ModuleOp) -> str:
    """Returns the name of the top module of a network: the model's, if hardware can be called so.

    It is the same at every level, in every file and report.
    """
    attribute = module.attributes.get("nn.name")
    given = attribute.data if isinstance(attribute, StringAttr) else ""
    name = identifier(given, "network", layer=False)
    return f"{name}_" if name.lower() in RESERVED_WORDS else name
