"""Where widths are chosen: codes to try in each place, and what they were found to hurt."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qcompiler.quantization.placement import Group
from qcompiler.quantization.quantizers import Quantizer, WeightCodes


@dataclass(frozen=True)
class Places:
    """Codes to try: of each layer by its output, and of each group, by bits."""

    weights: Mapping[str, Mapping[int, WeightCodes]]
    activations: Mapping[Group, Mapping[int, Quantizer]]


@dataclass
class Sensitivities:
    """What was found, by bits: of each layer by its output, and of each group by its name."""

    weights: dict[str, dict[int, float]] = field(default_factory=dict[str, dict[int, float]])
    activations: dict[str, dict[int, float]] = field(default_factory=dict[str, dict[int, float]])
