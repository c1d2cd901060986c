"""qcc gui: xDSL's terminal application knows our dialects and passes, and those of plugins."""

import asyncio
from pathlib import Path

import pytest
from cli_runner import qcc, saved_mlp
from written_ir import ir_after
from xdsl.dialects.builtin import ModuleOp

from qcompiler.cli.gui_command import make_app
from qcompiler.errors import ModelError


@pytest.fixture(scope="module")
def ir(tmp_path_factory):
    pytest.importorskip("textual", reason="the extra gui is not installed")
    from qcompiler.cli.main import main

    folder = tmp_path_factory.mktemp("gui")
    out = str(folder / "out")
    arguments = ["compile", str(saved_mlp(folder)), "--print-ir-after", "all", "-o", out]
    assert main(arguments) == 0
    return Path(out) / "ir"


def shown(app):
    """What the application shows once it has started."""

    async def drive() -> tuple[object, str]:
        async with app.run_test(size=(160, 50)) as pilot:
            await pilot.pause()
            return app.current_module, app.output_text_area.text

    return asyncio.run(drive())


def test_passes_are_applied_to_our_ir(ir):
    app = make_app(ir_after(ir, "fuse-requantize"), "channels-last,infer-ranges,split-host")
    module, text = shown(app)
    assert isinstance(module, ModuleOp)
    assert "func.func @core" in text
    assert {"select-folding", "canonicalize"} <= {name for name, _ in app.all_passes}


@pytest.mark.parametrize(
    ("passes", "words"), [("nosuch", "no pass is called 'nosuch'"), ("cse{x=1}", "x")]
)
def test_wrong_passes_are_refused(ir, passes, words):
    with pytest.raises(ModelError, match=words):
        make_app(ir / "nn.mlir", passes)


def test_a_missing_file_is_refused(capfd, tmp_path, ir):
    result = qcc(capfd, "gui", tmp_path / "no.mlir")
    assert (result.status, "cannot be read" in result.words) == (1, True)
