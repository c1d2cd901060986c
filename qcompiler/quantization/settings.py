"""How a model is to be quantized."""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from qcompiler.errors import Problem

MIN_BITS, MAX_BITS = 2, 16
AUTO = "auto"
Bits = int | Literal["auto"]
CHOICES: dict[str, tuple[str, ...]] = {
    "ranges": ("min-max", "percentile", "mse"),
    "format": ("auto", "qdq", "qonnx"),
    "sensitivity": ("kl", "hessian"),
    "rounding": ("nearest", "ldlq", "quip"),
}
"""Settings that are one of several words."""
HARDWARE = ("max_luts", "max_dsps", "max_brams")
RESOURCES = {"max_luts": "LUT", "max_dsps": "DSP", "max_brams": "BRAM"}


@dataclass(frozen=True)
class Settings:
    """How a model is to be quantized.

    Attributes:
        weight_bits, activation_bits: of all layers and activations; `auto` chooses each of them
            among `widths`, with the least sensitivity that the budget allows.
        input_bits: of the model's inputs.
        input_range: the least and the greatest number that inputs can have, (0, 1) for pixels, if
            it is known: inputs that are distilled stay within.
        widths: that `auto` chooses from.
        ranges: how far activations reach, see `ranges.quantizer`; `mse` is for weights, too.
        rounding: of weights: `nearest`, `ldlq`, which lets later weights make up for the errors
            of earlier ones (the same as OPTQ; for up to 7 bits), or `quip`, which does so in a
            basis in which no weight stands out, and puts the turns to it and back into the network.
        equalize: balance the ranges of channels between layers that follow each other.
        correct_biases: take the mean error of each layer's output away from its bias.
        sensitivity: by which `auto` chooses.
        size: budget: most bytes of all weights.
        bops: budget: most bit operations a frame, width of weight times width of activation for
            each product.
        device: budget: the part whose resources are counted, by the compiler's own estimates.
        fps, cycles, mhz: the rate that the hardware is folded for; of `qcompiler.compile`.
        max_luts, max_dsps, max_brams: less than the device has.
        format: `qdq` (activations of 4, 8 or 16 bits, for onnxruntime), `qonnx` (any), or `auto`:
            QDQ if it can.
        seed: of everything random.
    """

    weight_bits: Bits = 8
    activation_bits: Bits = 8
    input_bits: int = 8
    input_range: tuple[float, float] | None = None
    widths: tuple[int, ...] = (2, 4, 8)
    ranges: Literal["min-max", "percentile", "mse"] = "mse"
    rounding: Literal["nearest", "ldlq", "quip"] = "ldlq"
    equalize: bool = False
    correct_biases: bool = True
    sensitivity: Literal["kl", "hessian"] = "kl"
    size: float | None = None
    bops: float | None = None
    device: str | None = None
    fps: float | None = None
    cycles: int | None = None
    mhz: float | None = None
    max_luts: int | None = None
    max_dsps: int | None = None
    max_brams: int | None = None
    format: Literal["auto", "qdq", "qonnx"] = "auto"
    seed: int = 0

    @property
    def chooses(self) -> bool:
        """Whether widths are chosen."""
        return AUTO in (self.weight_bits, self.activation_bits)

    @property
    def widths_of_weights(self) -> tuple[int, ...]:
        """Widths that a layer may have."""
        return self.widths if self.weight_bits == AUTO else (int(self.weight_bits),)

    @property
    def widths_of_activations(self) -> tuple[int, ...]:
        """Widths that an activation may have."""
        return self.widths if self.activation_bits == AUTO else (int(self.activation_bits),)

    @property
    def rate(self) -> dict[str, Any]:
        """What `qcompiler.compile` is told of the hardware's speed."""
        given = {"fps": self.fps, "cycles": self.cycles, "mhz": self.mhz}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def limits(self) -> dict[str, int]:
        """Limits below those of the device, as `qcompiler.compile` has them."""
        given = {name: getattr(self, name) for name in HARDWARE}
        return {name: value for name, value in given.items() if value is not None}

    def problems(self) -> list[Problem]:
        """Returns what is wrong with the settings, all at once."""
        return [
            *self._wrong_widths(),
            *self._wrong_range(),
            *self._wrong_words(),
            *self._wrong_budgets(),
        ]

    def _wrong_widths(self) -> list[Problem]:
        given = {
            "--weight-bits": [self.weight_bits],
            "--activation-bits": [self.activation_bits],
            "--input-bits": [self.input_bits],
            "--widths": [*self.widths],
        }
        return [
            Problem(option, f"must be {MIN_BITS} to {MAX_BITS}, got {bits}", "give such a width")
            for option, listed in given.items()
            for bits in listed
            if bits != AUTO and not (isinstance(bits, int) and MIN_BITS <= bits <= MAX_BITS)
        ]

    def _wrong_range(self) -> list[Problem]:
        if self.input_range is None:
            return []
        lo, hi = self.input_range
        if isfinite(lo) and isfinite(hi) and lo < hi:
            return []
        what = f"must be finite, the least number first, got {lo} and {hi}"
        return [Problem("--input-range", what, "for pixels, give 0 1")]

    def _wrong_words(self) -> list[Problem]:
        return [
            Problem(
                f"--{name}",
                f"must be one of {', '.join(words)}, got {getattr(self, name)}",
                "choose one of them",
            )
            for name, words in CHOICES.items()
            if getattr(self, name) not in words
        ]

    def _wrong_budgets(self) -> list[Problem]:
        budgets = {"--size": self.size, "--bops": self.bops, "--device": self.device}
        given = [name for name, value in budgets.items() if value is not None]
        found: list[Problem] = []
        if len(given) > 1:
            what = "cannot be combined: a budget is one of them"
            found.append(Problem(", ".join(given), what, "give one"))
        if self.chooses and not given:
            what = "needs a budget: without one, the widest are best"
            found.append(Problem("auto bits", what, "give --size, --bops or --device"))
        if given and not self.chooses:
            what = "has no effect: widths are given as numbers"
            remedy = "give --weight-bits auto, --activation-bits auto, or both"
            found.append(Problem(", ".join(given), what, remedy))
        hardware = [*self.rate, *self.limits]
        if hardware and self.device is None:
            listed = ", ".join(f"--{name.replace('_', '-')}" for name in hardware)
            found.append(Problem(listed, "has no effect without a device", "give --device"))
        if self.fps is not None and self.cycles is not None:
            found.append(Problem("--fps", "cannot be combined with --cycles", "give one of them"))
        found += [
            Problem(f"--{name}", f"must be positive, got {value}", "give a larger budget")
            for name, value in (("size", self.size), ("bops", self.bops))
            if value is not None and not value > 0
        ]
        return found
