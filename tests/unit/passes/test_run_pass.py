"""How passes are run."""

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from qcompiler.passes.pipeline import run_pass


def test_a_pass_that_crashes_is_named():
    def broken(module: ModuleOp) -> None:
        raise KeyError("no such thing")

    with pytest.raises(KeyError) as caught:
        run_pass(Context(), ModuleOp([]), broken)
    assert caught.value.__notes__ == ["the pass broken stopped here"]
