"""The TextMate grammar knows the words of the language."""

import json
import re

from language import EVERY_OPERATION, ROOT

from qcompiler.frontends.text.mistakes import KEYWORDS
from qcompiler.frontends.text.parser import tokens_of

GRAMMAR = json.loads((ROOT / "editors" / "qnn.tmLanguage.json").read_text())
RULES = GRAMMAR["repository"]


def scope_of(text, line):
    """Returns the first scope that a simple rule gives to a text at its place in a line."""
    for include in GRAMMAR["patterns"]:
        rule = RULES[include["include"].removeprefix("#")]
        for pattern in rule.get("patterns", [rule]):
            for match in re.finditer(pattern.get("match", pattern.get("begin")), line):
                if text in (match[0], *match.groups()):
                    captures = pattern.get("captures", {})
                    return pattern.get("name") or next(iter(captures.values()))["name"]
    return None


def test_keywords():
    for word in KEYWORDS:
        assert scope_of(word, f" {word} x").split(".")[0] in ("keyword", "constant"), word


def test_every_type_and_number_has_a_scope():
    lines = EVERY_OPERATION.read_text().splitlines()
    numbers = [t for t in tokens_of(EVERY_OPERATION.read_text())[0] if t.type == "NUMBER"]
    assert len(numbers) > 100
    for token in numbers:
        assert scope_of(str(token), lines[token.line - 1]) == "constant.numeric.qnn", token
    for name in ("uint8", "int4", "int<-9, 9>", "bipolar", "ternary", "float32"):
        assert scope_of(name.partition("<")[0], f"x: {name}[1]") == "support.type.qnn"


def test_digits_of_names_are_no_numbers():
    number = RULES["number"]["match"]
    line = "h1 = conv(x_2, w.3, pads: [1, -2]) @ a9, 1/255, -.5e-3"
    assert re.findall(number, line) == ["1", "-2", "1", "255", "-.5e-3"]


def test_networks_with_names_in_quotes():
    assert scope_of('"a \\" b"', 'network "a \\" b"(x: int4[1])') == "keyword.declaration.qnn"
    assert scope_of("n", "block n(x)") == "keyword.declaration.qnn"
