"""Every model that is refused gets one message, at the node that is the cause; its remedy works."""

import ast
import html
import re
import subprocess
import sys
from pathlib import Path

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
    """What the message says, run to the letter; `reader` is as it says, too."""
    (case,) = (case for case in CASES if case.name == "floating_point")
    (problem,) = case.problems(tmp_path, mended=False)
    call = re.search(r"quantize_static\(.*?\)", problem.remedy)[0]
    script = f"""
import numpy as np
from onnxruntime.quantization import quantize_static

class Reader:
    rest = iter(np.random.default_rng(0).random((20, 1, 4), np.float32))

    def get_next(self):
        array = next(self.rest, None)
        return None if array is None else {{"x": array}}

reader = Reader()
{call}
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    made = re.findall(r"'(\w+\.onnx)'", call)[1]
    assert qcompiler.compile(tmp_path / made).report().layers


def texts(source):
    """Patterns of what the calls in a file say that make problems, where it is written out."""
    place = {"RefusalError": 0, "Problem": 1, "refuse": 1, "JoinError": 1}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        index = place.get(ast.unparse(node.func).split(".")[-1])
        said = None if index is None or len(node.args) <= index else node.args[index]
        if isinstance(said, ast.Constant):
            yield re.escape(said.value)
        elif isinstance(said, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else None for v in said.values]
            yield "".join(".*" if part is None else re.escape(part) for part in parts)


def test_most_of_what_can_be_refused_has_a_case():
    """The rest needs files of gigabytes, IR that no front end makes, or damage of several kinds."""
    package = Path(qcompiler.__file__).parent
    files = [*package.glob("frontends/onnx/**/*.py"), package / "analysis" / "obstacles.py"]
    wanted = [text for file in files for text in texts(file)]
    told = html.unescape(PAGE.read_text(encoding="utf-8"))
    missing = [text for text in wanted if not re.search(text, told)]
    assert len(missing) < 0.25 * len(wanted), missing
