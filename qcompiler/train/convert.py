"""Makes a model of integers of a float one, layer by layer, to be trained on.

Real numbers and codes are proportional: each tensor of the new model has a scale, which follows
from the weights, batch normalization and the input's scale; with an example input, from what the
float model makes of it. Weights, biases and requantizers start from these.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import inf, prod, sqrt
from typing import Any, cast

import torch
import torch.fx
from torch import Tensor, nn
from torch.fx.proxy import TraceError

from qcompiler.errors import ModelError, Problem
from qcompiler.train.boundary import Input, Output
from qcompiler.train.functions import is_size, module_of, name_of, operands_of, tensors_of
from qcompiler.train.graph import depends_on_data
from qcompiler.train.joints import Add, Concat
from qcompiler.train.layer import named_modules
from qcompiler.train.linear import LinearLayer, QuantConv1d, QuantConv2d, QuantLinear
from qcompiler.train.model import Model, name_layers
from qcompiler.train.plain import layer_of
from qcompiler.train.pools import SumPool1d, SumPool2d
from qcompiler.train.requantizer import Requantizer

_HEADROOM = 3.0
"""Root mean squares that the codes of an activation reach, where no example says more."""
_IMAGE = 16
"""Elements of a channel that a whole image is taken to have, where no example says how many."""
_JOINT_BITS = 5
"""Of the integers that bring summands to one scale."""
_OTHERWISE = (
    "has no counterpart in integers",
    "leave it out, or build the model of qcompiler.train's layers",
)
_WITHOUT: Mapping[str, tuple[str, str]] = {
    "BatchNorm": (
        "has a counterpart where it alone reads a convolution or dense layer, with running means",
        "put it right behind one, or leave it out",
    ),
    "cat": ("of other than tensors along the channels has no counterpart", "give dim=1"),
    "add": ("of other than two tensors has no counterpart in integers", "add tensors, as they are"),
    "mean": ("has no counterpart in integers", "use torch.nn.AdaptiveAvgPool2d(1) and Flatten"),
    "MaxPool": ("with ceil_mode or indices has no counterpart", "pad instead, so that it divides"),
    "AdaptiveAvgPool": ("to more than one element has no counterpart", "use AvgPool with a kernel"),
}
"""What is said of others, by their names without dimensions."""
_LINEAR = (nn.Conv1d, nn.Conv2d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)


@dataclass(frozen=True)
class Config:
    """What layers become.

    Attributes:
        weight_bits: of all layers but those in `bits_of`.
        activation_bits: of requantizers.
        input_bits: of the model's input.
        input_signed: whether inputs have a sign.
        input_scale: of the input, a power of two.
        per_channel: whether each channel has a step and a requantizer of its own.
        digits: most signed digits of weights; None for any number.
        multiplier_bits: of requantizers.
        multiplier_digits: most signed digits of these, 1 for shifts alone; None for any number.
        bits_of: weight bits of some layers, by their names in the float model.
    """

    weight_bits: int = 4
    activation_bits: int = 4
    input_bits: int = 8
    input_signed: bool = False
    input_scale: float = 1.0
    per_channel: bool = True
    digits: int | None = None
    multiplier_bits: int = 8
    multiplier_digits: int | None = None
    bits_of: Mapping[str, int] = field(default_factory=dict[str, int])


class _Converted(Model):
    def __init__(self, network: torch.fx.GraphModule) -> None:
        super().__init__()
        self.network = network
        name_layers(self)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.network(x))


def quantize_modules(
    model: nn.Module, config: Config | None = None, example: Tensor | None = None
) -> Model:
    """Returns a model of integers with the weights of a float one; train it on.

    Convolutions and dense layers take a batch normalization behind them along; ReLUs and what else
    stands behind a layer become requantizers; averages become sums; at the end come real numbers.

    Args:
        model: built of torch.nn's convolutions, dense layers, batch normalizations, ReLUs, pools,
            Flatten and Dropout, with sums and concatenations along the channels.
        config: what layers become.
        example: inputs, with the batch axis, that scales are chosen for, and whose shape the model
            has; None derives scales from the weights.

    Raises:
        ModelError: a module or function has no counterpart; all of them.
        ValueError: `bits_of` names what is no layer.
    """
    config = config or Config()
    model = deepcopy(model).eval()
    if torch.fx.Tracer().is_leaf_module(model, ""):
        model = nn.Sequential(model)
    _check_names(config, model)
    try:
        traced = torch.fx.symbolic_trace(model)
    except TraceError as error:
        raise ModelError([depends_on_data(model, error)]) from None
    watched = _Watch(traced)
    if example is not None:
        with torch.no_grad():
            watched.run(example)
    made = _Conversion(config, named_modules(traced), watched)
    for node in traced.graph.nodes:
        made.convert(node)
    if made.problems:
        raise ModelError(made.problems)
    return _Converted(torch.fx.GraphModule(made.modules, made.graph))


def _check_names(config: Config, model: nn.Module) -> None:
    layers = [name for name, module in named_modules(model).items() if isinstance(module, _LINEAR)]
    unknown = sorted(set(config.bits_of) - set(layers))
    if unknown:
        raise ValueError(
            f"bits_of names no layer with {', '.join(unknown)}; there are {', '.join(layers)}"
        )


class _Watch(torch.fx.Interpreter):
    """Runs the float model, and notes what nodes make.

    Attributes:
        largest: magnitude of nearly all numbers, by the node's name.
        shapes: of what they make, with the batch axis, likewise.
    """

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.largest: dict[str, float] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        value: Any = super().run_node(n)
        if isinstance(value, Tensor):
            magnitudes = value.detach().abs().flatten().float()
            self.largest[n.name] = float(torch.quantile(magnitudes[: 2**20], 0.999))
            self.shapes[n.name] = tuple(value.shape)
        return value


@dataclass
class _Value:
    """What a node of the new graph makes.

    Attributes:
        node: of the new graph.
        scale: real number of one code, [1] or per channel.
        rms: of real numbers, expected.
        signed: whether codes have a sign.
        is_codes: whether they are codes of few bits, not sums.
        layer: whose sums these are, if one reader takes them: its step may still be chosen.
    """

    node: torch.fx.Node
    scale: Tensor
    rms: float
    signed: bool
    is_codes: bool = True
    layer: LinearLayer | None = None

    def up_to_powers_of_two(self, unit: float = 1.0) -> "_Value":
        """Returns this with scales of powers of two times `unit`, if its layer can be changed.

        The layer's steps grow to that, so that no weight is clamped.
        """
        if self.layer is None:
            return self
        wanted = torch.log2(self.scale / unit)
        grow = torch.ceil(wanted - 1e-6) - wanted
        step, bias = self.layer.log2_step, self.layer.bias
        assert step is not None, "layers of integers have steps"
        assert bias is not None, "asked for"
        with torch.no_grad():
            step.add_(grow)
            bias.div_(torch.exp2(grow))
        return replace(self, scale=self.scale * torch.exp2(grow))


class _Conversion:
    def __init__(self, config: Config, modules: Mapping[str, nn.Module], seen: _Watch) -> None:
        self.config, self.old = config, modules
        self.observed, self.shapes = seen.largest, seen.shapes
        self.graph = torch.fx.Graph()
        self.modules: dict[str, nn.Module] = {}
        self.values: dict[torch.fx.Node, _Value] = {}
        self.skipped: set[torch.fx.Node] = set()
        self.problems: list[Problem] = []

    def convert(self, node: torch.fx.Node) -> None:
        if node in self.skipped:
            self.values[node] = self.values[node.all_input_nodes[0]]
            return
        if is_size(node) or any(given not in self.values for given in tensors_of(node)):
            return  # no tensor, or behind a problem
        if node.op == "placeholder":
            self._input(node)
        elif node.op == "output":
            self._output(node)
        else:
            self._operation(node)

    def _add(self, name: str, module: nn.Module, *inputs: torch.fx.Node) -> torch.fx.Node:
        path, count = name.replace(".", "_"), 2
        while path in self.modules:  # a module that is called twice
            path, count = f"{name.replace('.', '_')}_{count}", count + 1
        self.modules[path] = module
        return self.graph.call_module(path, inputs)

    def _input(self, node: torch.fx.Node) -> None:
        config = self.config
        if any(old.op == "placeholder" for old in self.values):
            what, remedy = "a second input has no counterpart", "join the inputs before the model"
            self.problems.append(Problem(node.name, what, remedy))
            return
        layer = Input(
            config.input_bits,
            signed=config.input_signed,
            scale=config.input_scale,
            shape=self.shapes[node.name][1:] if node.name in self.shapes else None,
        )
        made = self._add(f"{node.name}_input", layer, self.graph.placeholder(node.name))
        scale = torch.tensor([config.input_scale])
        rms = layer.spread() * config.input_scale
        self.values[node] = _Value(made, scale, rms, config.input_signed)

    def _output(self, node: torch.fx.Node) -> None:
        (result,) = node.all_input_nodes
        value = self.values[result].up_to_powers_of_two()
        layer = Output(float(torch.log2(value.scale.mean()).round()))
        self.graph.output(self._add("output", layer, value.node))

    def _operation(self, node: torch.fx.Node) -> None:
        is_module = node.op == "call_module"
        module = self.old[str(node.target)] if is_module else module_of(node)
        name = str(node.target) if is_module else node.name
        operands = None if is_module else operands_of(node)
        if isinstance(module, _LINEAR):
            self._linear(node, name, module)
        elif isinstance(module, nn.ReLU) or (
            isinstance(module, nn.Hardtanh) and not module.min_val
        ):
            top = module.max_val if isinstance(module, nn.Hardtanh) else inf
            value = self._one(node)
            self.values[node] = self._requantized(node, name, value, signed=False, most=top)
        elif isinstance(module, _AVERAGES) and _is_sum(module):
            self._average(node, name, module)
        elif module is not None and layer_of(module) is not None:
            value = self._one(node)
            made = self._add(name, module, value.node)
            # What is flattened has no channel axis of its own any more.
            if isinstance(module, nn.Flatten):
                value = self._codes(node.all_input_nodes[0], name, value)
                made = self._add(name, module, value.node)
            self.values[node] = _Value(made, value.scale, value.rms, value.signed, value.is_codes)
        elif operands is not None and len(operands) == 1:  # a concatenation of one is that one
            self.values[node] = self.values[operands[0]]
        elif operands is not None:
            kind = Add if name_of(node) in ("add", "iadd") else Concat
            joint = kind(len(operands), multiplier_bits=_JOINT_BITS)
            self._joint(node, name, joint, operands)
        else:
            kind = name_of(node) if module is None else type(module).__name__
            what, remedy = _WITHOUT.get(re.sub("[12]d$", "", kind), _OTHERWISE)
            self.problems.append(Problem(name, f"{kind} {what}", remedy))

    def _one(self, node: torch.fx.Node) -> _Value:
        return self.values[node.all_input_nodes[0]]

    def _codes(self, node: torch.fx.Node, name: str, value: _Value) -> _Value:
        """Returns a value as codes of few bits, behind a requantizer if it is a sum."""
        if value.is_codes:
            return value
        self.values[node] = self._requantized(node, f"{name}_codes", value, signed=True)
        return self.values[node]

    def _requantized(
        self, node: torch.fx.Node, name: str, value: _Value, *, signed: bool, most: float = inf
    ) -> _Value:
        config = self.config
        rows = value.scale.numel()
        layer = Requantizer(
            config.activation_bits,
            rows if rows > 1 else None,
            signed=signed,
            multiplier_bits=config.multiplier_bits,
            multiplier_digits=config.multiplier_digits,
        )
        largest = self.observed.get(node.name, _HEADROOM * value.rms)
        scale = min(max(largest, 2.0**-40), most) / layer.range.hi
        if config.multiplier_digits == 1:
            value = value.up_to_powers_of_two(scale)
        with torch.no_grad():
            layer.log2_scale.copy_(torch.log2(value.scale / scale))
        made = self._add(name, layer, value.node)
        rms = value.rms if signed else value.rms / sqrt(2)
        return _Value(made, torch.tensor([scale]), rms, signed)

    def _linear(
        self, node: torch.fx.Node, name: str, module: nn.Conv1d | nn.Conv2d | nn.Linear
    ) -> None:
        config = self.config
        given = self._codes(node.all_input_nodes[0], f"{name}_input", self._one(node))
        weight, bias, norm = self._folded(node, module)
        options: dict[str, Any] = {
            "bits": config.bits_of.get(name, config.weight_bits),
            # Scores that nothing rescales are compared with each other.
            "per_channel": config.per_channel and not _is_last(node),
            "digits": config.digits,
        }
        try:
            layer = _layer_like(module, options)
        except ValueError as error:
            what, _, remedy = str(error).partition("; ")
            where = f"{name} ({type(module).__name__})"
            self.problems.append(Problem(where, what, remedy or "use a layer of other form"))
            return
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.spread(given.rms / float(given.scale.max()))
            assert layer.log2_step is not None, "layers of integers have steps"
            scale = given.scale * torch.exp2(layer.log2_step.detach())
            assert layer.bias is not None, "asked for"
            layer.bias.copy_(bias / scale / layer.bias_unit)
        made = self._add(name, layer, given.node)
        rms = norm or sqrt(layer.terms * float((weight**2).mean())) * given.rms
        (user, *_) = node.users
        readers = user.users if user in self.skipped else node.users
        alone = layer if len(readers) == 1 else None
        self.values[node] = _Value(made, scale, rms, signed=True, is_codes=False, layer=alone)

    def _folded(self, node: torch.fx.Node, module: Any) -> tuple[Tensor, Tensor, float]:
        """Returns weight and bias of a layer, and its output's root mean square if it is known.

        A normalization behind it is in these, and then it is known; else that is 0.
        """
        weight: Tensor = module.weight.detach()
        bias = _or(module.bias, torch.zeros(len(weight)))
        (user, *others) = node.users
        norm: Any = self.old.get(str(user.target)) if user.op == "call_module" else None
        if others or not isinstance(norm, _NORMS) or norm.running_var is None:
            return weight, bias, 0.0
        self.skipped.add(user)
        inverse = 1 / torch.sqrt(norm.running_var + norm.eps)
        gamma, beta = _or(norm.weight, torch.ones(len(weight))), _or(norm.bias, bias * 0)
        moved = (bias - cast(Tensor, norm.running_mean)) * gamma * inverse + beta
        spread = sqrt(float((gamma**2 + beta**2).mean()))
        return weight * (gamma * inverse).reshape(-1, *[1] * (weight.dim() - 1)), moved, spread

    def _average(self, node: torch.fx.Node, name: str, module: Any) -> None:
        value = self._codes(node.all_input_nodes[0], name, self._one(node))
        kind = SumPool1d if isinstance(module, (nn.AvgPool1d, nn.AdaptiveAvgPool1d)) else SumPool2d
        if isinstance(module, (nn.AvgPool1d, nn.AvgPool2d)):
            layer = kind(module.kernel_size, module.stride, module.padding)
            taps = prod(layer.kernel or ())
        else:
            shape = self.shapes.get(node.all_input_nodes[0].name)
            layer, taps = kind(), _IMAGE if shape is None else prod(shape[2:])
        made = self._add(name, layer, value.node)
        sums = _Value(made, value.scale / taps, value.rms, value.signed, is_codes=False)
        self.values[node] = self._requantized(node, f"{name}_codes", sums, signed=value.signed)

    def _joint(
        self,
        node: torch.fx.Node,
        name: str,
        layer: Add | Concat,
        operands: Sequence[torch.fx.Node],
    ) -> None:
        values = [
            self._codes(given, f"{name}_{i}", self.values[given])
            for i, given in enumerate(operands)
        ]
        made = self._add(name, layer, *(value.node for value in values))
        signed = any(value.signed for value in values)
        # Multipliers in proportion to scales, the largest as large as it can be.
        scales = torch.cat([value.scale for value in values])
        with torch.no_grad():
            layer.log2_scale.copy_(torch.log2(layer.largest * scales / scales.max()).clamp(min=0))
        both = sqrt(sum(value.rms**2 for value in values))
        rms = both if isinstance(layer, Add) else both / sqrt(len(values))
        scale = scales.max(0, keepdim=True).values / layer.largest
        self.values[node] = _Value(made, scale, rms, signed, is_codes=False)


def _or(given: Any, otherwise: Tensor) -> Tensor:
    """Returns a parameter, or what stands for it where a module has none."""
    return otherwise if given is None else cast(Tensor, given).detach()


def _is_sum(module: Any) -> bool:
    """Whether an average is a sum over windows of one size, over a number."""
    if isinstance(module, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)):
        return module.output_size in (1, (1, 1))
    counts_all = module.count_include_pad or module.padding in (0, (0,), (0, 0))
    return counts_all and not module.ceil_mode and getattr(module, "divisor_override", None) is None


def _is_last(node: torch.fx.Node) -> bool:
    return all(user.op == "output" for user in node.users)


def _layer_like(module: Any, options: dict[str, Any]) -> LinearLayer:
    """Returns a layer of integers of the same shape.

    Raises:
        ValueError: there is none.
    """
    if isinstance(module, nn.Linear):
        return QuantLinear(module.in_features, module.out_features, **options)
    if module.padding_mode != "zeros":
        raise ValueError("only zeros as padding have a counterpart in integers; pad with zeros")
    kind: Callable[..., LinearLayer] = QuantConv1d if isinstance(module, nn.Conv1d) else QuantConv2d
    channels = module.in_channels, module.out_channels
    shape = module.kernel_size, module.stride, module.padding, module.dilation, module.groups
    return kind(*channels, *shape, **options)
