"""The one layout: idempotent, comments kept, tokens kept."""

import re

import numpy as np
import pytest
from language import EVERY_OPERATION, ROOT

from qcompiler.frontends.text import LanguageError
from qcompiler.frontends.text.formatter import WIDTH, formatted
from qcompiler.frontends.text.parser import tokens_of

MESSY = """
# head
import   "a.qnn"
block k( w,n=3 ){ return w }
network   "p q"(x:uint8[1,64,] scale 1/255,y:float32[1]) numerics exact{

  # before h
  h=conv(x,weights:load("w1.npy"),pads:same)  # c


  w:int4[2,2] scale [0.5,0.25] axis 0=[[1,-1],[0,3]]@"n/o"
  q=
    # strange
    requantize(h, axis:1) with (a){   # trail
    return a
  } @ "foo"
  com = conv(x, # first
     # own
     w, # second
     # end
     )
  return q as "out",h   # done
  # after
}
# the end"""
NEAT = """# head
import "a.qnn"

block k(w, n = 3) {
  return w
}

network "p q"(x: uint8[1, 64] scale 1/255, y: float32[1]) numerics exact {
  # before h
  h = conv(x, weights: load("w1.npy"), pads: same)  # c

  w: int4[2, 2] scale [0.5, 0.25] axis 0 = [[1, -1], [0, 3]] @ "n/o"
  # strange
  q = requantize(h, axis: 1) with (a) {  # trail
    return a
  } @ "foo"
  com = conv(
    x,  # first
    # own
    w,  # second
    # end
  )
  return q as "out", h  # done
  # after
}
# the end
"""


def test_layout():
    assert formatted(MESSY) == NEAT
    assert formatted(NEAT) == NEAT


def test_long_lines_are_broken():
    made = formatted(EVERY_OPERATION.read_text())
    assert formatted(made) == made
    assert max(map(len, made.splitlines())) <= WIDTH


def words(text):
    tokens, comments = tokens_of(text)
    return [str(t) for t in tokens if t != ","], sorted(str(c).strip() for c in comments)


@pytest.mark.parametrize("seed", range(8))
def test_any_spacing_gives_the_same(seed):
    """Line ends and spaces are changed at random; comments go to random places."""
    random = np.random.default_rng(seed)
    tokens, _ = tokens_of(EVERY_OPERATION.read_text())
    text = ""
    for index, token in enumerate(tokens):
        text += f" # {index}\n" if random.random() < 0.05 else str(random.choice([" ", "\n", "  "]))
        text += str(token)
    made = formatted(text)
    assert words(made) == words(text)
    assert formatted(made) == made


def test_what_is_said_about_words_stays():
    text = "block k(\n  a,  # the first\n  b,\n  c,\n  d,\n  e,  # the last\n) {\n  return a\n}\n"
    assert formatted(text) == text


def test_documentation_is_formatted():
    text = (ROOT / "docs" / "language.md").read_text()
    blocks = re.findall(r"^```qnn\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    assert [formatted(block) for block in blocks] == blocks


def test_what_is_wrong_is_not_formatted():
    with pytest.raises(LanguageError):
        formatted("network n( {")
