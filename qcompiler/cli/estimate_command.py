"""qcc estimate: how fast a network would run, from an analytic model."""

import argparse
import tomllib
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from qcompiler.analysis.transformers import (
    MODELS,
    OPERATIONS,
    Estimate,
    Gpu,
    Platform,
    Split,
    Transformer,
    best,
)
from qcompiler.cli import estimate_network
from qcompiler.cli.common import (
    add_meaning_arguments,
    out,
    positive_int,
    print_json,
    print_table,
    refuse_unused,
    table,
)
from qcompiler.devices import load_device
from qcompiler.devices.device import Device
from qcompiler.errors import ModelError, Problem

_BITS = 8e9
"""In a gigabyte."""

_KEYS = [field.name for field in fields(Transformer)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument(
        "model",
        metavar="MODEL|DIR",
        nargs="?",
        help="a model that compiles, or a design of qcc compile: what the analytic model says of "
        "it, beside its exact schedules",
    )
    network.add_argument("--llm", metavar="NAME", choices=sorted(MODELS), help=", ".join(MODELS))
    network.add_argument(
        "--config", metavar="FILE.toml", type=Path, help=f"a network: {', '.join(_KEYS)}"
    )
    parser.add_argument(
        "--cycles", metavar="N", type=positive_int, help="of MODEL: most cycles a frame may take"
    )
    add_meaning_arguments(parser)
    parser.add_argument("--device", metavar="NAME", help="u280 by default for --llm and --config")
    parser.add_argument("--devices", metavar="N", type=int, help="how many, 1 by default")
    parser.add_argument("--length", metavar="N", type=int, help="tokens of a prompt")
    parser.add_argument("--weight-bits", metavar="N", type=int, help="of a weight")
    parser.add_argument("--mhz", metavar="F", type=float, help="250 by default for those")
    parser.add_argument(
        "--macs-per-dsp", metavar="N", type=int, help="2 up to 8 bits by 4, else 1, by default"
    )
    parser.add_argument(
        "--macs",
        metavar="P,A,F",
        help="multiply-accumulates a cycle of each projection, product of attention, and product "
        "of the perceptron, for one layer at a time; by default the best that fits",
    )
    parser.add_argument(
        "--gpu", metavar="GBS,TOPS", help="compare with a GPU of that bandwidth and peak"
    )
    parser.add_argument("--plot", metavar="FILE.svg", type=Path, help="latency over MACs a cycle")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Estimates; returns the exit status."""
    _refuse_unused(parsed)
    if parsed.model is not None:
        return estimate_network.run(parsed)
    parsed.device = parsed.device or "u280"
    parsed.devices = 1 if parsed.devices is None else parsed.devices
    parsed.mhz = 250.0 if parsed.mhz is None else parsed.mhz
    model = _network(parsed)
    device = load_device(parsed.device)
    platform = _platform(device, model, parsed)
    estimate = _chosen(parsed, model, platform)
    gpu = _gpu(parsed.gpu)
    if parsed.plot is not None:
        from qcompiler.cli.estimate_plot import plotted

        parsed.plot.write_text(plotted(model, platform, estimate, gpu), encoding="utf-8")
    if parsed.json:
        print_json(_as_dict(estimate, gpu))
    else:
        _show(estimate, device, gpu)
    return 0


def _refuse_unused(parsed: argparse.Namespace) -> None:
    """Ends the command if options are of the other kind of network."""
    large = "devices", "length", "weight_bits", "macs_per_dsp", "macs", "gpu", "plot"
    compiled = "cycles", "input", "state", "numerics"
    names, why = (
        (compiled, "with --llm or --config, which are not compiled")
        if parsed.model is None
        else (large, "with MODEL, which is compiled: it is for --llm and --config")
    )
    given = {
        f"--{name.replace('_', '-')}": getattr(parsed, name) not in (None, []) for name in names
    }
    refuse_unused("estimate", given, why)


def _positive(option: str, value: float | None) -> None:
    if value is not None and value <= 0:
        raise ModelError([Problem(option, f"must be positive, got {value:g}", "give a larger one")])


def _network(parsed: argparse.Namespace) -> Transformer:
    for option in ("length", "weight_bits", "devices", "mhz", "macs_per_dsp"):
        _positive(f"--{option.replace('_', '-')}", getattr(parsed, option))
    model = MODELS[parsed.llm] if parsed.llm else _read(parsed.config)
    if parsed.length is not None:
        model = replace(model, length=parsed.length, longest=max(model.longest, parsed.length))
    if parsed.weight_bits is not None:
        model = replace(model, weight_bits=parsed.weight_bits)
    return model


def _read(path: Path) -> Transformer:
    example = "layers = 24, width = 1024, inner = 4096, heads = 16, length = 128, longest = 1024"
    try:
        given: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError([Problem(str(path), f"cannot be read: {error}", example)]) from None
    optional = {"weight_bits", "activation_bits"}
    missing = [key for key in _KEYS if key not in given and key not in optional]
    wrong = [
        key
        for key, value in given.items()
        if key not in _KEYS or type(value) is not int or not 0 < value < 2**31
    ]
    problems = [Problem(f"{path}: {key}", "is missing", f"such as {example}") for key in missing]
    problems += [
        Problem(f"{path}: {key}"[:120], "is no positive integer of a network", ", ".join(_KEYS))
        for key in wrong
    ]
    if problems:
        raise ModelError(problems)
    return Transformer(**given)


def _platform(device: Device, model: Transformer, parsed: argparse.Namespace) -> Platform:
    problems: list[Problem] = []
    if device.dram is None:
        what = "says nothing of memory outside of it, where the weights of a large network are"
        remedy = "choose u280, or add [dram] with channels, gigabytes, gigabytes_per_second"
        problems.append(Problem(f"--device {device.name}", what, remedy))
    if device.dsp is None:
        what = "has no hard multipliers"
        problems.append(Problem(f"--device {device.name}", what, "choose another, such as u280"))
    if problems or device.dram is None or device.dsp is None:
        raise ModelError(problems)
    narrow = model.weight_bits <= 4 and model.activation_bits <= 8
    each = parsed.macs_per_dsp or (2 if narrow else 1)
    block = max(device.block_rams, key=lambda ram: (ram.role == "block", ram.count))
    size = max(width * depth for width, depth in block.shapes)
    sizes = [ram.count * max(w * d for w, d in ram.shapes) for ram in device.block_rams]
    return Platform(
        macs=device.dsp.count * each,
        mhz=parsed.mhz,
        sram_bits=sum(sizes),
        blocks=sum(sizes) // size,
        block_bits=size,
        ports=tuple(sorted(width for width, _ in block.shapes)),
        dram_bits=device.dram.gigabytes * _BITS,
        dram_bits_a_second=device.dram.gigabytes_per_second * _BITS,
        dram_channels=device.dram.channels,
        link_bits_a_second=device.dram.link_gigabits_per_second * 1e9,
    )


def _numbers(option: str, text: str, names: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(names.split(",")) or any(not 0 < n < 1e12 for n in numbers):
        what = f"must be positive numbers {names}, got {text[:40]}"
        raise ModelError([Problem(option, what, "separate them by commas")])
    return numbers


def _chosen(parsed: argparse.Namespace, model: Transformer, platform: Platform) -> Estimate:
    if parsed.macs is not None:
        split = Split(*_numbers("--macs", parsed.macs, "P,A,F"))
        return Estimate(model, platform, split, 1, 1, parsed.devices)
    found = best(model, platform, parsed.devices)
    if found is None:
        trial = Estimate(model, platform, Split.balanced(model, 8), 1, 1, parsed.devices)
        what = f"nothing fits, not even one layer: {'; '.join(trial.excess())}"
        remedy = "choose a larger device, more of them, or fewer bits"
        raise ModelError([Problem(f"--device {parsed.device}", what, remedy)])
    return found


def _gpu(text: str | None) -> Gpu | None:
    if text is None:
        return None
    bandwidth, tops = _numbers("--gpu", text, "GBS,TOPS")
    return Gpu(bandwidth * _BITS, tops * 1e12 / 2)


def _as_dict(estimate: Estimate, gpu: Gpu | None) -> dict[str, Any]:
    phases = {"prefill": False, "decode": True}
    channel = estimate.platform.dram_bits_a_second / estimate.platform.dram_channels
    return {
        "network": asdict(estimate.model),
        "layers_on_device": estimate.on_device,
        "tensor_parallel": estimate.tensor,
        "pipeline_parallel": estimate.pipeline,
        "macs_per_cycle": {op: estimate.split.of(op) for op in OPERATIONS},
        "macs_per_cycle_in_all": estimate.split.total * estimate.on_device,
        "block_memories": estimate.block_memories,
        "bandwidth_bits_per_second": estimate.bits_a_second,
        "channels_needed": estimate.bits_a_second / channel,
        "exceeds": estimate.excess(),
        **{
            name: {
                "cycles": estimate.cycles(decode=decode),
                "milliseconds": 1e3 * estimate.seconds(decode=decode),
                "bound": estimate.bottleneck(decode=decode),
                **(
                    {}
                    if gpu is None
                    else {"gpu_milliseconds": 1e3 * gpu.seconds(estimate.model, decode=decode)}
                ),
            }
            for name, decode in phases.items()
        },
    }


def _show(estimate: Estimate, device: Device, gpu: Gpu | None) -> None:
    told = _as_dict(estimate, gpu)
    title = (
        f"{device.name}, {estimate.platform.mhz:g} MHz: {estimate.on_device} layers at a time, "
        f"{estimate.tensor} x {estimate.pipeline} devices (shared x in turn)"
    )
    shown = table(title, "operation", "MACs a prompt", "MACs a cycle", "cycles")
    for operation in OPERATIONS:
        macs, each = estimate.model.macs(operation), estimate.split.of(operation)
        cells = f"{macs:,}", f"{each:,.1f}", f"{macs / (each * estimate.tensor):,.0f}"
        shown.add_row(operation, *cells)
    print_table(shown)
    for name in ("prefill", "decode"):
        phase = told[name]
        against = "" if gpu is None else f"; a GPU at best {phase['gpu_milliseconds']:.3f} ms"
        out.print(
            f"{name}: {phase['cycles']:,.0f} cycles, {phase['milliseconds']:.3f} ms, bound by "
            f"{phase['bound']}{against}"
        )
    out.print(
        f"memory: {told['block_memories']:,} blocks of {estimate.platform.blocks:,}; weights at "
        f"{estimate.bits_a_second / _BITS:.1f} GB/s, {told['channels_needed']:.1f} of "
        f"{estimate.platform.dram_channels} channels"
    )
    for broken in told["exceeds"]:
        out.print(f"does not fit: {broken}")
