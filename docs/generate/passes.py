"""The reference of passes: the docstring of each pass's file, in the order of the pipeline."""

import inspect
import re
import sys

from xdsl.passes import ModulePass, get_pass_option_infos

from qcompiler import pipelines
from qcompiler.universe import PASSES

_SECTION = re.compile(r"^(Before|After|Requires|Keeps|Leaves alone):", re.MULTILINE)
_HEAD = """# Passes

What `qcc opt --list-passes` lists, in the order of the default pipeline. Each section is the
docstring of the pass; a test executes its example. `qcc opt --explain-pass NAME` prints the same.

"""


def page() -> str:
    """Returns the page.

    Raises:
        ValueError: a pass has no documentation.
    """
    rest = sorted(PASSES.keys() - set(pipelines.DEFAULT))
    parts = [_HEAD]
    titles = {"To integers": pipelines.QINT, "To processes": pipelines.STREAM}
    titles |= {"To hardware": pipelines.RTL, "Beside the pipeline": tuple(rest)}
    for title, names in titles.items():
        if names:
            parts.append(f"## {title}\n")
            parts += [_section(name) for name in names]
    return "\n".join(parts)


def _section(name: str) -> str:
    kind: type[ModulePass] = PASSES[name]()
    text = inspect.cleandoc(sys.modules[kind.__module__].__doc__ or "")
    if not text:
        raise ValueError(f"the pass {name} has no documentation; write it in {kind.__module__}")
    return f"### `{name}`\n\n{_markdown(text)}\n{_options(kind)}"


def _markdown(text: str) -> str:
    """Gives each section a paragraph of its own."""
    return _SECTION.sub(lambda found: f"\n**{found[1]}:**", text)


def _options(kind: type[ModulePass]) -> str:
    options = get_pass_option_infos(kind)
    if not options:
        return ""
    lines = ["\n| option | type | default |\n|---|---|---|"]
    for option in options:
        default = "" if option.default_value is None else f"`{option.default_value}`"
        name = option.name.replace("_", "-")
        lines.append(f"| `{name}` | `{option.expected_type}` | {default} |")
    return "\n".join(lines) + f"\n\n{inspect.cleandoc(kind.__doc__ or '')}\n"
