"""Prints one `hw.module`: names for values, declarations, statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerType, NameLoc, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.utils.hints import isa

from qcompiler.backends.verilog import expressions, memories
from qcompiler.backends.verilog.expressions import Expr, slice_text
from qcompiler.backends.verilog.layout import (
    INDENT,
    comment_lines,
    mark,
    port_list,
    tidy,
    vector,
    wrap,
)
from qcompiler.backends.verilog.legalize import STATEFUL_OPS, constant_value, value_width
from qcompiler.backends.verilog.names import Namer, comment_text
from qcompiler.backends.verilog.plan import Branch, plan_module, resolve
from qcompiler.backends.verilog.registers import KEEP, Condition, RegisterFile, Update
from qcompiler.dialects import rtl

KEEPS_CHAINS = "qcc_chains"
"""Verilog attribute of modules in which every addition is best a carry chain of its own."""

_MAX_INLINE = 60
_MAX_CHAIN = 600
_MAX_DEPTH = 4

_SUMS = frozenset[type[Operation]]({comb.AddOp, comb.SubOp, comb.MulOp, rtl.ShiftAddOp})
# Parts of one chain share a statement, which may run over several lines.
_CHAINS = frozenset[type[Operation]]({comb.AndOp, comb.OrOp, comb.XorOp, comb.MuxOp, comb.ConcatOp})


class Interface(Struct, frozen=True):
    """The Verilog names of a module and of its ports (keyed by the names in the IR)."""

    name: str
    ports: Mapping[str, str]


AddMemoryFile = Callable[[str, rtl.RomOp], str | None]
"""Takes a wanted stem and a ROM; returns the name of its .mem file, or None to print it inline."""


class ModuleEmitter:
    """Prints one module. Use `text` once."""

    def __init__(
        self,
        module: hw.HWModuleOp,
        interfaces: Mapping[str, Interface],
        add_memory_file: AddMemoryFile,
    ):
        """Takes a checked module, the names of all modules, and where memory contents go."""
        self.module = module
        self.interfaces = interfaces
        self.interface = interfaces[module.sym_name.data]
        self.add_memory_file = add_memory_file
        self.plan = plan_module(module)
        self.namer = Namer()
        self.exprs: dict[SSAValue, Expr] = {}
        self.output_names: dict[SSAValue, str] = {}
        self.signals: list[tuple[SSAValue, str]] = []
        self.registers = RegisterFile()
        self.hoisted: list[str] = []
        self.body: list[str] = []
        self.assigns: dict[str, list[str]] = {}

    def lines(self) -> list[str]:
        """Returns the whole file; lines know what they were printed for, see `Line`."""
        for name in self.interface.ports.values():
            self.namer.unique(name)
        self._bind_ports()
        for op in (op for op in self.plan.order if op in self.plan.forward):
            self._declare_results(op, self.hoisted)
        for op in self.plan.order:
            self._emit(op)
        self.body += self.registers.flush_all()
        assigns, sink = self._output_assigns(), self._unused_sink()
        lines = [*self._header(), "", *self.hoisted, "", *self.body, "", *assigns, "", *sink]
        lines = [*tidy(lines), "endmodule"]
        if "rtl.chains" in self.module.attributes:
            lines.append("// verilator lint_on WIDTHEXPAND")
        mark(lines, self.module)
        return lines

    # Ports ------------------------------------------------------------------------------------

    def _bind_ports(self) -> None:
        """Names the inputs, and gives values that drive an output the name of that output."""
        arguments = iter(self.module.body.block.args)
        terminator = self.module.body.block.last_op
        outputs = iter(terminator.operands if terminator is not None else ())
        for port in self.module.module_type.ports.data:
            name = self.interface.ports[port.port_name.data]
            if port.dir.data.is_input_like():
                argument = next(arguments)
                width = 1 if isinstance(argument.type, seq.ClockType) else value_width(argument)
                self.exprs[argument] = Expr(name, width)
                self.signals.append((argument, name))
                continue
            value = resolve(next(outputs))
            is_signal = isinstance(value.owner, Operation) and constant_value(value) is None
            if is_signal and value not in self.plan.extended:
                self.output_names.setdefault(value, name)

    def _header(self) -> list[str]:
        comment = self.module.attributes.get("rtl.comment")
        lines: list[str] = []
        if isa(comment, ArrayAttr[StringAttr]):
            lines = [line for text in comment for line in comment_lines(text.data, "")]
        regs = {
            name
            for value, name in self.output_names.items()
            if isinstance(value.owner, seq.CompRegOp | rtl.RomOp | rtl.RamOp)
        }
        ports: list[tuple[str, int, str]] = []
        for port in self.module.module_type.ports.data:
            name = self.interface.ports[port.port_name.data]
            is_input = port.dir.data.is_input_like()
            kind = "input  wire" if is_input else f"output {'reg' if name in regs else 'wire'}"
            ports.append((kind, _port_width(port), name))
        if "rtl.chains" in self.module.attributes:
            # Operands of sums are as wide as their ranges: Verilog extends them to the result.
            lines.append("// verilator lint_off WIDTHEXPAND")
            lines.append(f"(* {KEEPS_CHAINS} *)")
        told = self.module.attributes.get("rtl.port_attributes")
        said: dict[str, str] = {}
        if isinstance(told, DictionaryAttr):
            said = {key: s.data for key, s in told.data.items() if isinstance(s, StringAttr)}
        return [*lines, *port_list(self.interface.name, ports, said)]

    def _output_assigns(self) -> list[str]:
        ports = self.interface.ports.values()
        return [line for name in ports for line in self.assigns.get(name, ())]

    def _unused_sink(self) -> list[str]:
        """Returns the wire that tells lint tools that these bits are unused on purpose."""
        unused: list[str] = []
        for value, name in self.signals:
            width = self.exprs[value].width
            missing = ((1 << width) - 1) & ~self.plan.used_bits.get(value, 0)
            unused += (slice_text(name, low, count, width) for low, count in _runs(missing))
        if not unused:
            return []
        name = self.namer.unique("_unused_ok")
        return wrap(f"wire {name} = &{{1'b0, {', '.join(unused)}}};")

    # Names ------------------------------------------------------------------------------------

    def _signal_name(self, value: SSAValue) -> str:
        if value in self.output_names:
            return self.output_names[value]
        op = value.owner
        # The parser gives all results of an op one hint, so the port says more.
        if isinstance(op, hw.InstanceOp) and (len(op.outputs) > 1 or value.name_hint is None):
            port = next(
                n.data for n, v in zip(op.result_names, op.outputs, strict=True) if v is value
            )
            return self.namer.unique(f"{op.instance_name.data}_{port}")
        if value.name_hint is not None:
            return self.namer.unique(value.name_hint)
        if value in self.plan.extended:
            source = self.plan.extended[value]
            return self.namer.unique(f"{source.name_hint or self.exprs[source].text}_ext")
        return self.namer.numbered("_t")

    def _declare_results(self, op: Operation, lines: list[str]) -> None:
        """Declares the results of a stateful op, unless that has been done or ports do it."""
        kind = "wire" if isinstance(op, hw.InstanceOp) else "reg"
        kind = f"{KEEP} {kind}" if "rtl.kept" in op.attributes else kind
        for value in op.results:
            if value in self.exprs:
                continue
            name = self._signal_name(value)
            self.exprs[value] = Expr(name, value_width(value))
            if value in self.output_names:
                continue
            self.signals.append((value, name))
            start = len(lines)
            if not isinstance(op, hw.InstanceOp):
                lines += self._comment(op)
            origin = "" if isinstance(op, hw.InstanceOp) else _origin(op)
            lines.append(f"{INDENT}{vector(kind, value_width(value), name)};{origin}")
            mark(lines, op, start)

    def _comment(self, op: Operation) -> list[str]:
        comment = op.attributes.get("rtl.comment")
        return comment_lines(comment.data) if isinstance(comment, StringAttr) else []

    # Statements -------------------------------------------------------------------------------

    def _emit(self, op: Operation) -> None:
        start = len(self.body)
        self._emit_lines(op)
        mark(self.body, op, start)

    def _emit_lines(self, op: Operation) -> None:
        if type(op) in STATEFUL_OPS:
            self._declare_results(op, self.body)
            self._emit_stateful(op)
        elif type(op) is hw.OutputOp:
            self._emit_outputs(op)
        else:
            self._emit_combinational(op)

    def _emit_stateful(self, op: Operation) -> None:
        if isinstance(op, seq.CompRegOp):
            self._emit_register(op)
        elif isinstance(op, rtl.RomOp):
            self._emit_rom(op)
        elif isinstance(op, rtl.RamOp):
            self._emit_ram(op)
        elif isinstance(op, hw.InstanceOp):
            self._emit_instance(op)

    def _emit_combinational(self, op: Operation) -> None:
        value = op.results[0]
        operands = self.plan.operands[op]
        if type(op) is hw.ConstantOp:
            expr = expressions.literal(op.value.value.data, value_width(value))
        else:
            expr = expressions.build(op, [self.exprs[operand] for operand in operands])
        # State that was declared up front reads well at the end; a pipeline stage's does not.
        readers = [self.exprs[o].text for o in operands if o.owner not in self.plan.forward]
        self.body += self.registers.flush_readers(readers)
        if self._needs_name(op, value, expr):
            self._define(op, value, expr)
        else:
            self.exprs[value] = expr

    def _define(self, op: Operation, value: SSAValue, expr: Expr) -> None:
        """Gives `value` a signal that holds `expr`."""
        name = self._signal_name(value)
        if value in self.output_names:
            self.exprs[value] = Expr(name, expr.width)
            self.assigns[name] = [*self._comment(op), *wrap(f"assign {name} = {expr.text};")]
            mark(self.assigns[name], op)
            return
        factor = value in self.plan.extended
        signed = factor or (expr.signed and type(op) in _SUMS and expr.width > 1)
        kind = "wire signed" if signed else "wire"
        self.body += [
            *self._comment(op),
            *wrap(f"{vector(kind, expr.width, name)} = {expr.text};"),
        ]
        note = op.attributes.get("rtl.note")
        if isinstance(note, StringAttr):
            self.body[-1] += f"  // {comment_text(note.data)}"
        self.exprs[value] = Expr(name, expr.width, signed=signed, factor=factor)
        self.signals.append((value, name))

    def _needs_name(self, op: Operation, value: SSAValue, expr: Expr) -> bool:
        if value in self.plan.named or value in self.plan.extended:
            return True
        if value in self.output_names or "rtl.comment" in op.attributes:
            return expr.constant is None
        if (
            expr.constant is not None
            or value in self.plan.inlined
            or self._is_cheap(op, value, expr)
        ):
            return False
        if self.plan.use_count.get(value, 0) > 1 or expr.depth > _MAX_DEPTH:
            return True
        return self._too_much_for(self.plan.last_user[value], op, value, expr)

    def _is_cheap(self, op: Operation, value: SSAValue, expr: Expr) -> bool:
        """Returns whether repeating `expr` reads better than a name: `!stall`, `x[3:0]`."""
        if type(op) is comb.ExtractOp:
            return value.name_hint is None
        return expr.width == 1 and expr.precedence == expressions.UNARY and expr.depth == 1

    def _too_much_for(self, user: Operation, op: Operation, value: SSAValue, expr: Expr) -> bool:
        of_sum = type(user) in _SUMS
        if type(user) is seq.CompRegOp:
            is_statement = value is not rtl.register_operands(user).reset
        else:
            is_statement = type(user) is hw.OutputOp
        if expr.isolated or (expr.product and not of_sum):
            return not is_statement or len(expr.text) > _MAX_CHAIN
        same = type(user) in _CHAINS and type(op) is type(user)
        in_chain = same or (of_sum and type(op) in _SUMS)
        return len(expr.text) > (_MAX_CHAIN if is_statement or in_chain else _MAX_INLINE)

    def _emit_register(self, op: seq.CompRegOp) -> None:
        data = op.results[0]
        taken = rtl.register_operands(op)
        name = self.exprs[data].text
        branches = self.plan.branches.get(op, [])
        conditions = tuple([self._condition(branch) for branch in branches])
        values = [branch.value for branch in branches] or [taken.input]
        reset = None if taken.reset is None else self._text(taken.reset)
        reset_value = None if taken.reset_value is None else self._text(taken.reset_value)
        if taken.power_on is not None:
            self.body += wrap(f"initial {name} = {self._text(taken.power_on)};")
        # Elsewhere the comment stands above the declaration.
        comment = self._comment(op) if data in self.output_names else []
        texts = tuple([self._text(value) for value in values])
        kept = "rtl.kept" in op.attributes
        condition = Condition(self._text(taken.clk), reset, conditions, kept)
        self.registers.add(condition, Update(op, name, reset_value, texts, comment))

    def _condition(self, branch: Branch) -> str:
        expr = self.exprs[branch.condition]
        if not branch.inverted:
            return expr.text
        return f"!{expr.text}" if expr.precedence == expressions.ATOM else f"!({expr.text})"

    def _text(self, value: SSAValue) -> str:
        return self.exprs[resolve(value)].text

    def _enable(self, value: SSAValue) -> str:
        expr = self.exprs[resolve(value)]
        return "" if expr.constant == 1 else expr.text

    def _emit_rom(self, op: rtl.RomOp) -> None:
        data, width = self.exprs[op.data].text, value_width(op.data)
        lane_width = op.lane_width.value.data
        if op.data in self.output_names:
            self.body += ["", *self._comment(op)]
        if op.depth_words == 1:
            word = memories.hex_words(op.lane_values(), lane_width).strip()
            value = f"{width}'h{word}"
        else:
            name = self.namer.unique(f"{data}_mem")
            self.body += ["", *memories.style_attribute(op)]
            self.body.append(memories.storage(name, width, op.depth_words))
            file = self.add_memory_file(f"{self.interface.name}_{name}", op)
            if file is None:
                words = memories.hex_words(op.lane_values(), lane_width).split()
                self.body += memories.inline_initial(name, words, width)
            else:
                self.body += memories.file_initial(name, file)
            value = f"{name}[{self._text(op.address)}]"
        statement = (self._enable(op.enable), f"{data} <= {value};")
        self.body += memories.clocked(self._text(op.clk), [statement])

    def _emit_ram(self, op: rtl.RamOp) -> None:
        data, width = self.exprs[op.read_data].text, value_width(op.read_data)
        if op.read_data in self.output_names:
            self.body += ["", *self._comment(op)]
        name = self.namer.unique(f"{data}_mem")
        if op.depth_words == 1:
            written = read = name
            self.body.append(f"{INDENT}{vector('reg', width, name)};")
        else:
            self.body += ["", *memories.style_attribute(op)]
            self.body.append(memories.storage(name, width, op.depth_words))
            written = f"{name}[{self._text(op.write_address)}]"
            read = f"{name}[{self._text(op.read_address)}]"
        statements = [
            (self._enable(op.write_enable), f"{written} <= {self._text(op.write_data)};"),
            (self._enable(op.read_enable), f"{data} <= {read};"),
        ]
        self.body += memories.clocked(self._text(op.clk), statements)

    def _emit_instance(self, op: hw.InstanceOp) -> None:
        target = self.interfaces[op.module_name.string_value()]
        inputs = zip(op.arg_names, op.inputs, strict=True)
        outputs = zip(op.result_names, op.outputs, strict=True)
        texts = {port.data: self._text(value) for port, value in (*inputs, *outputs)}
        # In the order of the module's own port list, whatever the instance's is.
        ports = [f".{name}({texts[port]})" for port, name in target.ports.items()]
        name = self.namer.unique(op.instance_name.data)
        self.body += ["", *self._comment(op), f"{INDENT}{target.name} {name} ("]
        for index, port in enumerate(ports):
            comma = "," if index + 1 < len(ports) else ""
            self.body += wrap(port + comma, INDENT * 2)
        self.body += [f"{INDENT});", ""]

    def _emit_outputs(self, op: hw.OutputOp) -> None:
        is_output = hw.Direction.OUTPUT
        ports = [p for p in self.module.module_type.ports.data if p.dir.data == is_output]
        for port, value in zip(ports, self.plan.operands[op], strict=True):
            name = self.interface.ports[port.port_name.data]
            if self.output_names.get(value) != name:
                self.assigns[name] = wrap(f"assign {name} = {self.exprs[value].text};")
                mark(self.assigns[name], op)


def _port_width(port: hw.ModulePort) -> int:
    return port.type.width.data if isa(port.type, IntegerType) else 1


def _origin(op: Operation) -> str:
    """Returns a trailing comment with the name of the model's node that `op` stems from."""
    location = op.location
    return f"  // {comment_text(location.desc.data)}" if isinstance(location, NameLoc) else ""


def _runs(mask: int) -> list[tuple[int, int]]:
    """Returns the runs of ones of `mask` as (lowest bit, length), highest first."""
    runs: list[tuple[int, int]] = []
    low = 0
    while mask:
        zeros = (mask & -mask).bit_length() - 1
        mask >>= zeros
        length = (~mask & (mask + 1)).bit_length() - 1
        runs.append((low + zeros, length))
        mask >>= length
        low += zeros + length
    return runs[::-1]
