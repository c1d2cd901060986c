"""What is wrong with a model or an option, said so that the user can mend it."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec import Struct
from xdsl.utils.exceptions import PassFailedException


class Problem(Struct, frozen=True):
    """One thing that keeps a model from compiling.

    Attributes:
        where: node or tensor, as the model names it, with its operation; or a file or option.
        what: the reason, with the offending value and the limit.
        remedy: what the user can do about it.
        in_text: the same for a network that is written in the model language, if it differs.

    Examples:
        >>> print(Problem("conv_3 (ONNX Conv)", "scale must be positive, got -0.02", "re-export"))
        conv_3 (ONNX Conv): scale must be positive, got -0.02; re-export
    """

    where: str
    what: str
    remedy: str
    in_text: str | None = None

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


def suggestion(name: str, known: Iterable[str], otherwise: str) -> str:
    """Returns `did you mean ...?` if a known name is close to a misspelt one."""
    candidates = list(known)
    close = [c for c in candidates if c.lower() == name.lower()]
    close += [c for c in get_close_matches(name[:60], candidates, 3, 0.6) if c not in close]
    # `conv2d` means `conv`: what begins alike is close, too.
    close += [c for c in candidates if len(c) > 2 and name.startswith(c) and c not in close]
    return f"did you mean {' or '.join(close[:3])}?" if close else otherwise
