"""What a house has beside its code: a workflow, forms for issues, a citation, by their schemas."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

from qcompiler.version import VERSION

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def read(path):
    """Returns what a file of YAML 1.2 says, in which `on` is a word."""
    yaml = pytest.importorskip("ruamel.yaml")
    return yaml.YAML(typ="safe", pure=True).load(path)


def problems(data, schema):
    jsonschema = pytest.importorskip("jsonschema")
    package = importlib.util.find_spec("check_jsonschema")
    if package is None:
        pytest.skip("needs check-jsonschema, which carries the schemas")
    vendored = Path(package.origin).parent / "builtin_schemas" / "vendor" / f"{schema}.json"
    known = json.loads(vendored.read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(known)
    return [error.message for error in kind(known).iter_errors(data)]


def test_workflow_is_one_and_calls_the_two_commands_of_the_readme():
    said = read(WORKFLOW)
    assert problems(said, "github-workflows") == []
    steps = [step for job in said["jobs"].values() for step in job["steps"]]
    called = [step["run"] for step in steps if "run" in step]
    setup = re.search(r"## Set-up.*?```text\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert called == setup[1].split("\n")[:-1]
    assert said["permissions"] == {"contents": "read"}
    said["jobs"]["test"]["runs_on"] = said["jobs"]["test"].pop("runs-on")
    assert problems(said, "github-workflows") != []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_forms_of_issues(form):
    assert problems(read(form), "github-issue-forms") == []


def test_citation():
    said = read(ROOT / "CITATION.cff")
    assert problems(said, "citation-file-format") == []
    assert said["version"] == VERSION
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert said["license"] == project["license"]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    files = re.findall(r"`((?:tests|docs|\.ci)/[\w./-]+\.\w+)`", text)
    makes = set(re.findall(r"`?make (\w+)", text)) - {"their", "models", "it"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [name for name in (*targets, *files) if not (ROOT / name).exists()] == []
    assert [name for name in makes if f"\n{name}:" not in makefile] == []
