"""How accurate networks are, side by side, and in which layer they lose most."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.quantization.data import Data, check_data, read_data
from qcompiler.quantization.networks import Network, check_same_inputs, open_networks
from qcompiler.quantization.spade import NEIGHBOURS, spade

_LEAST_ROBUST = 10


@dataclass(frozen=True)
class Score:
    """How a network did.

    Attributes:
        name, kind: which: `float`, `quantized` or `compiled`.
        accuracy: share of frames that got the right class; None without labels.
        agreement: share of frames that got the class that the first network gave them.
        snr_db: signal to noise of its outputs, the first network's being the signal; None where
            they are equal.
        spade: the SPADE score on the data; None if it was not asked for.
        spade_parts: parts of the graph of outputs; of several, the score says little.
        least_robust: frames whose neighbours are pulled apart most, those first.
    """

    name: str
    kind: str
    accuracy: float | None
    agreement: float
    snr_db: float | None
    spade: float | None = None
    spade_parts: int | None = None
    least_robust: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layer:
    """How a layer of a quantized network did.

    Attributes:
        network, name: which, by the node of the model.
        snr_db: signal to noise of its output, the float network's being the signal; None if equal.
        loss_db: by how much that is less than at the layer before it.
    """

    network: str
    name: str
    snr_db: float | None
    loss_db: float


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        frames: how many were compared.
        scores: one a network, in the order given.
        layers: of quantized networks, where a float network is compared, too.
    """

    frames: int
    scores: tuple[Score, ...]
    layers: tuple[Layer, ...]

    def worst(self, network: str) -> Layer | None:
        """Returns the first of the layers of a network that lose most."""
        own = [layer for layer in self.layers if layer.network == network]
        return max(own, key=lambda layer: layer.loss_db, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self)


def evaluate(
    models: Sequence[str | Path],
    data: str | Path | Mapping[str, Array],
    *,
    robustness: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Compares networks on data: accuracy or agreement, and layers with those of the float one.

    Args:
        models: float and quantized ONNX files, and designs; a quantized file is compiled, too.
        data: frames by the names of inputs, and `labels` if they are known; arrays, or an .npz.
        robustness: compute the SPADE score of each, and the samples it finds least robust.
        progress: is told what goes on.

    Raises:
        ModelError: a model or the data is at fault.
    """
    networks: list[Network] = []
    for path in models:
        progress(f"reading {Path(path).name}")
        networks += open_networks(path)
    check_same_inputs(networks)
    frames = _data(data, networks[0].inputs)
    outputs: list[Array] = []
    for network in networks:
        progress(f"running {network.name}, {network.kind}")
        outputs.append(network.run(frames.feeds).reshape(frames.frames, -1))
    scores = [
        _score(network, output, outputs[0], frames, robustness=robustness)
        for network, output in zip(networks, outputs, strict=True)
    ]
    progress("comparing layers")
    return Evaluation(frames.frames, tuple(scores), tuple(_layers(networks, frames)))


def _data(data: str | Path | Mapping[str, Array], inputs: Mapping[str, tuple[int, ...]]) -> Data:
    if isinstance(data, Mapping):
        return check_data(data, inputs, "data")
    return read_data(Path(data), inputs)


def classes(outputs: Array) -> Array:
    """Returns the class of each frame, [frames, numbers]: the place of the largest, or the one."""
    return outputs[:, 0].astype(np.int64) if outputs.shape[1] == 1 else outputs.argmax(axis=1)


def snr_db(signal: Array, noisy: Array) -> float | None:
    """Returns the signal to noise ratio in decibels; None where there is no noise."""
    power = float(np.square(signal.astype(np.float64)).sum())
    noise = float(np.square(signal.astype(np.float64) - noisy).sum())
    if noise == 0:
        return None
    return float(10 * np.log10(max(power, np.finfo(float).tiny) / noise))


def _score(network: Network, output: Array, first: Array, data: Data, *, robustness: bool) -> Score:
    if output.shape != first.shape:
        what = f"makes {output.shape[1]} numbers a frame, but the first network {first.shape[1]}"
        raise ModelError([Problem(network.name, what, "compare networks of one task")])
    given = classes(output)
    accuracy = None if data.labels is None else float((given == data.labels).mean())
    agreement = float((given == classes(first)).mean())
    found = Score(network.name, network.kind, accuracy, agreement, snr_db(first, output))
    if not robustness:
        return found
    inputs = np.concatenate([a.reshape(len(a), -1) for a in data.feeds.values()], axis=1)
    score = spade(inputs, output, NEIGHBOURS)
    least = tuple(score.least_robust(_LEAST_ROBUST))
    return replace(found, spade=score.score, spade_parts=score.parts, least_robust=least)


def _layers(networks: Sequence[Network], data: Data) -> list[Layer]:
    """Returns the layers of quantized networks that a float network has, too."""
    floats = [network for network in networks if network.kind == "float"]
    others = [network for network in networks if network.kind == "quantized"]
    if not floats or not others:
        return []
    reference = floats[0].layers(data.feeds)
    found: list[Layer] = []
    for network in others:
        own, before = network.layers(data.feeds), None
        for name, signal in reference.items():
            if name not in own or own[name].size != signal.size:
                continue
            snr = snr_db(signal, own[name].reshape(signal.shape))
            lost = 0.0 if snr is None or before is None else before - snr
            found.append(Layer(network.name, name, snr, lost))
            before = snr if snr is not None else before
    return found
