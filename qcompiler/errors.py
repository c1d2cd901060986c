"""What is wrong with a model or an option, said so that the user can mend it."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.utils.exceptions import PassFailedException


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a model from compiling.

    Attributes:
        where: node or tensor, as the model names it, with its operation; or a file or option.
        what: the reason, with the offending value and the limit.
        remedy: what the user can do about it.

    Examples:
        >>> print(Problem("conv_3 (ONNX Conv)", "scale must be positive, got -0.02", "re-export"))
        conv_3 (ONNX Conv): scale must be positive, got -0.02; re-export
    """

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{printable(self.where)}: {printable(self.what)}; {printable(self.remedy)}"


class ModelError(PassFailedException):
    """The model or the request is at fault; carries every independent problem found.

    Attributes:
        problems: all of them.

    Examples:
        >>> ModelError([Problem("x", "has no type", "give --input")]).problems[0].remedy
        'give --input'
    """

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def printable(text: str, limit: int = 300) -> str:
    """Returns `text` without control characters and of bounded length, safe for a terminal."""
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return clean if len(clean) <= limit else f"{clean[:limit]}... ({len(clean)} characters)"
