"""What every front end ends with: one function `main` in a module with the model's names."""

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, BlockArgument, Region
from xdsl.rewriter import Rewriter

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array
from qcompiler.frontends import naming
from qcompiler.frontends.batch import take_one_frame


def finished_module(
    block: Block,
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    numerics: str,
    nodes: Mapping[str, StringAttr],
    state: Mapping[str, Array] | None = None,
) -> ModuleOp:
    """Returns a module with the network that `block` holds; what is not used is left out.

    Args:
        block: ends with the return of the network's results; its other operations are pure.
        name: of the model.
        inputs: the model's names of the block's arguments.
        outputs: those of its results.
        numerics: `exact` or `onnxruntime`.
        nodes: per node of the model, by its name in locations, its operation there.
        state: per state, the last arguments and results, what it is before the first frame.
    """
    state = _without_unread(block, dict(state or {}))
    assert block.last_op is not None
    types = [argument.type for argument in block.args]
    results = [operand.type for operand in block.last_op.operands]
    main = FuncOp("main", (types, results), Region(block))
    take_one_frame(main)
    qint.set_state(main, list(state.values()))
    attributes: dict[str, Attribute] = {
        "qint.numerics": StringAttr(numerics),
        "nn.name": naming.ascii_text(name),
        "nn.inputs": ArrayAttr([StringAttr(n) for n in inputs]),
        "nn.outputs": ArrayAttr([StringAttr(n) for n in outputs]),
    }
    if state:
        attributes["nn.states"] = ArrayAttr([naming.ascii_text(n) for n in state])
    if nodes:
        attributes["nn.nodes"] = DictionaryAttr(dict(sorted(nodes.items())))
    return ModuleOp([main], attributes)


def _without_unread(block: Block, state: dict[str, Array]) -> dict[str, Array]:
    """Erases what is not used, and states that no frame reads; returns those that are left."""
    returned = block.last_op
    assert returned is not None
    while True:
        _erase_unused(block)
        first, last = len(block.args) - len(state), len(returned.operands) - len(state)
        unread = [i for i in range(len(state)) if block.args[first + i].first_use is None]
        if not unread:
            return state
        names = list(state)
        for index in reversed(unread):
            block.erase_arg(block.args[first + index])
            kept = [v for i, v in enumerate(returned.operands) if i != last + index]
            returned.operands = kept
            del state[names[index]]


def _erase_unused(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if op is not block.last_op and all(r.first_use is None for r in op.results):
            block.erase_op(op)


def retyped(argument: BlockArgument, type_: Attribute) -> BlockArgument:
    """Gives an argument another type; returns it, with its name and place."""
    location = argument.location
    made = Rewriter.replace_value_with_new_type(argument, type_)
    assert isinstance(made, BlockArgument)
    made.location = location
    return made
