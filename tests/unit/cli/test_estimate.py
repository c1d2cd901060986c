"""qcc estimate: the analytic model of transformers on the command line."""

import json

import pytest

from qcompiler.cli.main import main

HLS = ["estimate", "--llm", "gpt2-medium", "--macs", "256,64,256", "--weight-bits", "4"]


def printed(arguments, capsys, status=0):
    assert main(arguments) == status
    return capsys.readouterr()


def test_a_split_that_was_built(capsys):
    found = json.loads(printed([*HLS, "--mhz", "300", "--json"], capsys).out)
    assert found["prefill"]["cycles"] == 24 * 2_621_440
    assert found["prefill"]["milliseconds"] == pytest.approx(24 * 2_621_440 / 300e3)
    assert found["macs_per_cycle_in_all"] == 1664
    assert found["exceeds"] == []


def test_the_best_split_is_balanced(capsys, tmp_path):
    plot = tmp_path / "latency.svg"
    arguments = ["estimate", "--llm", "bert-base", "--gpu", "1555,312", "--plot", str(plot)]
    told = printed(arguments, capsys).out
    assert "bound by projections; a GPU at best" in told
    assert "layers at a time" in told
    assert plot.read_text().startswith("<svg ")
    assert plot.read_text().count("<polyline") == 4


def test_a_network_from_a_file_on_two_devices(capsys, tmp_path):
    config = tmp_path / "net.toml"
    config.write_text(
        "layers = 4\nwidth = 256\ninner = 1024\nheads = 4\nlength = 64\nlongest = 128\n"
    )
    one, two = (
        json.loads(
            printed(["estimate", "--config", str(config), "--devices", n, "--json"], capsys).out
        )
        for n in "12"
    )
    assert two["prefill"]["cycles"] < one["prefill"]["cycles"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--llm", "gpt2", "--device", "ecp5-25k"], "says nothing of memory outside of it"),
        (["--llm", "gpt2", "--devices", "0"], "--devices must be positive, got 0"),
        (["--llm", "gpt2", "--macs", "1,2"], "must be positive numbers P,A,F, got 1,2"),
        (["--llm", "gpt2", "--gpu", "fast"], "must be positive numbers GBS,TOPS, got fast"),
        (["--config", "none.toml"], "none.toml cannot be read"),
        (["--llm", "gpt2", "--length", "4000000"], "nothing fits, not even one layer"),
    ],
)
def test_refusals(arguments, message, capsys):
    assert message in " ".join(printed(["estimate", *arguments], capsys, 1).err.split())


def test_what_a_file_lacks_is_told_at_once(capsys, tmp_path):
    config = tmp_path / "net.toml"
    config.write_text("layers = 4\nwidth = -1\ndepth = 3\n")
    said = " ".join(printed(["estimate", "--config", str(config)], capsys, 1).err.split())
    for part in ("inner is missing", "width is no positive integer", "depth is no positive"):
        assert part in said
