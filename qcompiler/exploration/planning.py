"""From a space to its trials: which files each takes along, and what it asks for."""

import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from qcompiler.devices import FOLDER_VARIABLE
from qcompiler.exploration.files import Files
from qcompiler.exploration.space import Space, Variant, joined
from qcompiler.exploration.tasks import Task, digest
from qcompiler.exploration.trial import DEVICES
from qcompiler.exploration.versions import versions_for
from qcompiler.frontends.onnx import parse_input_option
from qcompiler.options import Options, flag
from qcompiler.origin import option_words


class Planner:
    """Makes the tasks of a space.

    Attributes:
        files: what they take along.
    """

    def __init__(self, space: Space, files: Files):
        self._space, self.files = space, files
        self._models: dict[int, dict[str, str]] = {}
        self._versions: dict[tuple[str, ...], dict[str, str]] = {}

    def quantizing(self) -> list[tuple[Variant, Task]]:
        """Returns the tasks that make the models that are to be quantized, in all ways."""
        return [
            (variant, self._quantize(variant, variant.settings))
            for variant in self._space.variants
            if variant.settings is not None
        ]

    def made(self, variant: Variant, model: bytes) -> None:
        """Notes the model that a variant is quantized to."""
        self._models[id(variant)] = {variant.name: self.files.add(model)}

    def is_ready(self, variant: Variant) -> bool:
        """Whether there is the model of a variant."""
        return variant.settings is None or id(variant) in self._models

    def design(self, variant: Variant, options: Mapping[str, Any]) -> Task:
        """Returns the task that looks at one design.

        Raises:
            ModelError: a file cannot be read.
        """
        files = dict(self._model(variant))
        travelling = self._travelling(options, files)
        spec = {
            **self._common(variant, files, self._space.steps),
            "options": travelling,
            **self._more(),
        }
        return Task("design", spec, self._command(variant, options))

    def accuracy(self, variant: Variant, options: Mapping[str, Any]) -> Task | None:
        """Returns the task that finds the accuracy of a model; None without data.

        It is the same for all designs of a model, as they compute the same integers.
        """
        if self._space.data is None:
            return None
        files = dict(self._model(variant))
        name = _add(files, "data", self._space.data, self.files)
        numerics = {n: v for n, v in options.items() if n == "numerics"}
        spec = {
            **self._common(variant, files, ("accuracy",)),
            "options": numerics,
            "data": name,
        }
        words = [*self._compile_words(variant, numerics), "&&", "qcc", "evaluate"]
        words += [f"build/{Path(variant.name).stem}", "--data", str(self._space.data)]
        return Task("accuracy", spec, _joined(words))

    def _quantize(self, variant: Variant, settings: Mapping[str, Any]) -> Task:
        files = self.files.model(variant.path)
        data = variant.calibration
        if data not in ("none", "gaussian"):
            data = _add(files, "data", Path(data), self.files)
        spec = {
            "model": variant.path.name,
            "files": files,
            "settings": self._travelling(settings, files),
            "data": data,
            "steps": ["quantize"],
            "versions": self._versions_of(("quantize",)),
            "plugins": self._plugins(files),
        }
        return Task("quantize", spec, _joined(_quantize_words(variant)))

    def _model(self, variant: Variant) -> dict[str, str]:
        if variant.settings is not None:
            return self._models[id(variant)]
        if id(variant) not in self._models:
            self._models[id(variant)] = self.files.model(variant.path)
        return self._models[id(variant)]

    def _common(
        self, variant: Variant, files: dict[str, str], steps: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "model": variant.name,
            "inputs": dict(variant.inputs),
            "steps": list(steps),
            "versions": self._versions_of(tuple(steps)),
            "plugins": self._plugins(files),
            "files": files,
        }

    def _plugins(self, files: dict[str, str]) -> list[str]:
        return [_add(files, "plugins", path, self.files) for path in self._space.plugins]

    def _versions_of(self, steps: tuple[str, ...]) -> dict[str, str]:
        if steps not in self._versions:
            self._versions[steps] = versions_for(steps)
        return self._versions[steps]

    def _more(self) -> dict[str, Any]:
        """Returns what the further steps are told, as far as they are taken."""
        steps = self._space.steps
        found: dict[str, Any] = {}
        if "synth" in steps or "place" in steps:
            found.update(self._space.synth)
        if "verify" in steps:
            found.update(self._space.verify)
        return found

    def _travelling(self, options: Mapping[str, Any], files: dict[str, str]) -> dict[str, Any]:
        """Returns options whose files are those in the trial's folder; adds those to `files`."""
        found = dict(options)
        if (folding := options.get("folding")) is not None:
            found["folding"] = _add(files, "folding", Path(folding), self.files)
        device = options.get("device")
        if device is not None and str(device).endswith(".toml"):
            found["device"] = _add(files, "device", Path(device), self.files)
        elif device in self._own_devices:
            _add(files, DEVICES, self._own_devices[device], self.files)
        return found

    @cached_property
    def _own_devices(self) -> dict[str, Path]:
        """Device files of the user's folder, by their names."""
        import os

        folder = os.environ.get(FOLDER_VARIABLE)
        return {path.stem: path for path in Path(folder).glob("*.toml")} if folder else {}

    def _compile_words(self, variant: Variant, options: Mapping[str, Any]) -> list[str]:
        inputs = dict(parse_input_option(f"{n}={text}") for n, text in variant.inputs.items())
        made = [*_quantize_words(variant), "&&"] if variant.settings is not None else []
        model = variant.name if variant.settings is not None else str(variant.path)
        words = [*made, "qcc", "compile", model, *option_words(Options(inputs, **options))]
        for plugin in self._space.plugins:
            words += ["--plugin", str(plugin)]
        return words

    def _command(self, variant: Variant, options: Mapping[str, Any]) -> str:
        words = self._compile_words(variant, options)
        directory = f"build/{Path(variant.name).stem}"
        steps = self._space.steps
        if "synth" in steps or "place" in steps:
            words += ["&&", "qcc", "synth", directory]
            words += ["--place"] if "place" in steps else []
            words += ["--no-dsp"] if self._space.synth.get("no-dsp") else []
            seed = self._space.synth.get("seed")
            words += ["--seed", str(seed)] if seed is not None and "place" in steps else []
        if "verify" in steps:
            vectors = str(self._space.verify.get("vectors", 100))
            words += ["&&", "qcc", "verify", directory, "--vectors", vectors]
        return _joined(words)


def _add(files: dict[str, str], folder: str, path: Path, kept: Files) -> str:
    """Adds a file; returns its path in a trial's folder, short and without anything of ours."""
    key = kept.read(path)
    name = f"{folder}/{path.name}"
    if files.get(name, key) != key:  # two plug-ins of one name
        name = f"{folder}/{digest(str(path).encode())[:8]}/{path.name}"
    files[name] = key
    return name


def _quantize_words(variant: Variant) -> list[str]:
    words = ["qcc", "quantize", str(variant.path), "-o", variant.name]
    if variant.calibration != "none":
        words += ["--data", variant.calibration]
    for name, value in (variant.settings or {}).items():
        if isinstance(value, bool):
            words += [flag(name)] if value else []
        else:
            words += [flag(name), joined(value, ",")]
    return words


def _joined(words: Sequence[str]) -> str:
    """Returns a line for a shell, in which `&&` means what it does there."""
    return " ".join(word if word == "&&" else shlex.quote(word) for word in words)
