"""What one trial is to find out, as plain data: the same task is the same result, anywhere."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

DONE, REFUSED, FAILED, RUNNING = "done", "refused", "failed", "running"
OUT_OF_TIME, OUT_OF_MEMORY, DIED = "out of time", "out of memory", "worker died"
DAMAGED, INTERRUPTED = "damaged", "interrupted"
STATES = (DONE, REFUSED, FAILED, OUT_OF_TIME, OUT_OF_MEMORY, DIED, RUNNING, DAMAGED)
"""What a trial may be in, in the order in which they are counted."""

Kind = Literal["design", "quantize", "accuracy"]


@dataclass(frozen=True)
class Limits:
    """What one trial may take, with all the programs that it starts.

    Attributes:
        seconds: of wall clock.
        memory_bytes: of all its processes together.
    """

    seconds: float = 1800.0
    memory_bytes: int = 4 << 30

    def within(self, other: "Limits") -> bool:
        """Whether `other` allows no less than these."""
        return self.seconds <= other.seconds and self.memory_bytes <= other.memory_bytes


@dataclass(frozen=True)
class Task:
    """One trial.

    Attributes:
        kind: compile a model and look at the design; quantize a float model; find the accuracy of
            what a model compiles to.
        spec: all that its result depends on, as JSON has it: model, options, steps, versions, and
            the hashes of the files.
        command: the command line that does the same, for people.
    """

    kind: Kind
    spec: Mapping[str, Any]
    command: str = field(compare=False)

    @cached_property
    def key(self) -> str:
        """The address of its result: a hash of all that it depends on."""
        return digest(canonical({"kind": self.kind, **self.spec}).encode())

    @property
    def files(self) -> Mapping[str, str]:
        """Hashes of the files that travel with it, by the path that they have in its folder."""
        return self.spec["files"]

    def data(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return {"kind": self.kind, "spec": dict(self.spec), "command": self.command}

    @staticmethod
    def of(data: Mapping[str, Any]) -> "Task":
        """Returns the task that `data` gave."""
        return Task(data["kind"], data["spec"], data["command"])


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        state: one of `STATES`, or `interrupted`, which is not kept.
        result: what was found, as JSON has it; None unless done.
        log: its last words: problems of what was refused, the end of the log of what failed.
        seconds: it took.
        memory_bytes: the most that its processes were seen to hold.
        host: the machine that it ran on.
        output: the file that it made, if any.
    """

    state: str
    result: Mapping[str, Any] | None = None
    log: str = ""
    seconds: float = 0.0
    memory_bytes: int = 0
    host: str = ""
    output: bytes | None = None


def canonical(data: Any) -> str:
    """Returns the one JSON text of some data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(data: bytes) -> str:
    """Returns the hash of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
