"""Every model that is refused gets one message, at the node that is the cause; its remedy works."""

import ast
import html
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from refusals import CASES, INTERNAL
from refusals.page import PAGE, page

import qcompiler

NAMES = [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_one_problem_at_the_cause_in_words_of_the_model(case, tmp_path):
    (problem,) = case.problems(tmp_path, mended=False)
    assert problem.where.split(" (")[0] == case.at.split(" (")[0]
    assert INTERNAL.search(str(problem)) is None


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_what_the_remedy_says_compiles(case, tmp_path):
    assert case.problems(tmp_path, mended=True) == ()


def test_names_are_of_one_case_each():
    assert len(set(NAMES)) == len(NAMES)


def test_the_page_is_made_of_the_cases():
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run PYTHONPATH=tests/support python -m refusals.page"


def test_the_recipe_of_a_float_model_runs(tmp_path):
    """What the message says, run to the letter."""
    (case,) = (case for case in CASES if case.name == "floating_point")
    (problem,) = case.problems(tmp_path, mended=False)
    line = re.search(r"qcc quantize .*?FILE.npz", problem.remedy)[0]
    frames = np.random.default_rng(0).random((20, 4), np.float32)
    np.savez(tmp_path / "FILE.npz", x=frames)
    command = [sys.executable, "-m", "qcompiler.cli.main", *shlex.split(line)[1:]]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    made = shlex.split(line)[4]
    assert qcompiler.compile(tmp_path / made).report().layers


ROWS = "tests/unit/frontends/onnx/test_onnx_integer_rows.py has a case"
CELLS = "tests/unit/frontends/onnx/test_onnx_recurrent.py has a case"
CACHES = "tests/unit/frontends/onnx/test_onnx_caches.py has a case"
NEEDS_NO_CASE = {
    "peepholes": CELLS,
    "input_forget is not": CELLS,
    "activations must be": CELLS,
    "takes one sequence at a time": CELLS,
    "sequence_lens must be": CELLS,
    "a cache is written for one": CACHES,
    "says places, which are integers": CACHES,
    "compares other tensors than": CACHES,
    "all constants together may have": "takes a file of gigabytes",
    "result has no fixed shape": "shape inference of onnx tells it for all that is folded so far",
    "integers of type .* are not supported": "casts to such types are refused before",
    "no integer arithmetic is known for how": "no other reason is known; a guard",
    "attribute .* must be a power of two": ROWS,
    "attribute .* must be positive": ROWS,
    "attribute .* must be one integer": ROWS,
    "attribute .* is missing": ROWS,
    "works on integers, and no quantizer": ROWS,
    "^.* must be integers$": ROWS,
    "does not fit rows of": ROWS,
    "its exponentials are not positive": ROWS,
    "its divisor eta": ROWS,
    "epsilon must be positive": ROWS,
    "normalizes axes": ROWS,
    "mean and deviation as outputs": ROWS,
    "its scale and bias have no common unit": "scales that no quantizer writes",
    "its integers may need": "IR that no front end makes",
    "form must be auto": "an option of the pass; the command line has its own check",
    "windows of samples are read by": "texts only: DeformConv reads what it samples",
    "no hardware is known for": "operations of plug-ins",
    "takes .* lanes, but its channel": "IR that no front end makes",
    "one of its outputs has several": "IR that no front end makes",
    "it has no handshake, and is not": "IR that no front end makes",
    "it has no process": "IR that no front end makes",
    "it is not a result of integer arithmetic": "a state leaves as its input is quantized",
    "is not ready for hardware": "IR that no front end makes",
    "one of its operands is constant": "constants are folded; a guard",
    "activations are joined for all": "codes of more than 8 bits have exact numerics; a guard",
    "and these may exceed float32": "dequantized codes never do; a guard",
    "lies too near a rounding boundary": "no function is known that does; a guard",
    "and this function at most those of 54": "wider ones are refused before",
}
"""Where a text of the compiler is no case, and why; what it begins with, or a pattern of it."""

_FIRST = ("RefusalError", "JoinError", "FunctionError", "UndefinedError", "WideFunctionError")
_SAYS = {"Problem": 1, "refuse": 1} | dict.fromkeys(_FIRST, 0)


def written(expression):
    """Patterns of a text that is written out: with `.*` for what is computed."""
    match expression:
        case ast.Constant(value=str() as value):
            yield re.escape(value)
        case ast.JoinedStr(values=values):
            parts = (re.escape(v.value) if isinstance(v, ast.Constant) else ".*" for v in values)
            yield "".join(parts)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*written(body), *written(orelse))


def texts(source):
    """Patterns of what the calls in a file say that make problems."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            index = _SAYS.get(ast.unparse(node.func).split(".")[-1], len(node.args))
            yield from (text for said in node.args[index : index + 1] for text in written(said))


def test_everything_that_can_be_refused_has_a_case():
    package = Path(qcompiler.__file__).parent
    places = ("frontends/onnx/**/*.py", "analysis/obstacles.py", "passes/**/*.py", "arith/*.py",
              "interpreters/*.py")  # fmt: skip
    wanted = {text for place in places for file in package.glob(place) for text in texts(file)}
    told = html.unescape(PAGE.read_text(encoding="utf-8"))
    missing = {text for text in wanted if not re.search(text, told)}
    excused = {t for t in missing if any(re.search(p, t.replace("\\", "")) for p in NEEDS_NO_CASE)}
    assert len(wanted) > 150
    assert missing == excused
