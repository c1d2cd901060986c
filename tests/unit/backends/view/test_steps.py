"""Which texts the page shows, in which order, and what is left out of them."""

import pytest

from qcompiler.backends.view.steps import elide, read_steps, step_of_level, verilog_files

HEX = "0x" + "AB" * 60
LIST = ", ".join(str(i) for i in range(100))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'dense<"{HEX}"> : x', f'dense<"0x{"AB" * 24}…" /* 60 bytes */> : x'),
        (f"dense<[{LIST}]> : x", f"dense<{f'[{LIST}'[:48]}… /* 100 elements */> : x"),
        (f"array<i64: {LIST}>", f"array<i64: {LIST[:48]}… /* 100 elements */>"),
        ('dense<"0xABAB"> and dense<[1, 2]>', 'dense<"0xABAB"> and dense<[1, 2]>'),
        (f'dense<0>\n"a name, {LIST}"', f'dense<0>\n"a name, {LIST}"'),
    ],
)
def test_large_constants_are_cut_and_lines_stay(text, expected):
    text, expected = f"module\n{text}", f"module\n{expected}"
    assert elide(text) == expected
    assert elide(text).count("\n") == text.count("\n")


def test_the_list_of_nodes_is_cut_too():
    head = 'module {nn.nodes = {"a}\\22" = "Conv", b = "Relu"}, nn.inputs = ["x"]} {\n}\n'
    assert elide(head) == 'module {nn.nodes = {…}, nn.inputs = ["x"]} {\n}\n'


def written(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name.lstrip('_').replace('_', '-')}.mlir").write_text(text)
    return read_steps(folder)


def test_levels_that_a_pass_left_are_not_shown_twice(tmp_path):
    steps = written(
        tmp_path,
        nn="a",
        _01_fold_constants="b",
        _02_select_requantizer="c {x = 1, qcompiler.options = {cycles = 1 : i64}}",
        qint="c {x = 1}",
        _03_convert_qint_to_stream="d",
        stream="d",
        _04_convert_stream_to_rtl="e",
        rtl="e",
    )
    assert [step.label for step in steps] == [
        "import", "fold-constants", "select-requantizer", "convert-qint-to-stream",
        "convert-stream-to-rtl",
    ]  # fmt: skip
    assert [step_of_level(steps, level) for level in ("nn", "qint", "stream", "rtl")] == [
        0,
        2,
        3,
        4,
    ]
    assert steps[1].summary.startswith("Evaluates")


def test_levels_take_their_place_among_single_passes(tmp_path):
    steps = written(
        tmp_path,
        nn="a",
        qint="b",
        stream="d",
        rtl="e",
        _11_convert_qint_to_stream="c",
        _12_mine="x",
    )
    labels = ["import", "the qint level", "convert-qint-to-stream", "mine"]
    assert [step.label for step in steps] == [*labels, "the stream level", "the rtl level"]
    assert [step_of_level(steps, level) for level in ("qint", "stream", "rtl")] == [1, 4, 5]
    assert steps[3].summary == ""


def test_verilog_is_taken_up_to_a_size(tmp_path):
    for name, size in (("big.v", 50), ("a.v", 10), ("b.v", 20)):
        (tmp_path / name).write_text("x" * size)
    assert [name for name, _ in verilog_files(tmp_path, 1000)] == ["a.v", "b.v", "big.v"]
    assert [name for name, _ in verilog_files(tmp_path, 40)] == ["a.v", "b.v"]
