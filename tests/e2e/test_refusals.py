"""Every model that is refused gets one message, at the node that is the cause; its remedy works."""

import pytest
from refusals import CASES, INTERNAL
from refusals.page import PAGE, page

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
