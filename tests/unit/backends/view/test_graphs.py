"""The graphs and widths that the page shows, from small IR."""

from qcompiler.assembly import parse_module
from qcompiler.backends.view.describe import describe_type
from qcompiler.backends.view.graphs import Costs, build_graph
from qcompiler.backends.view.widths import compare_widths
from qcompiler.dialects import qint, stream
from qcompiler.passes.pipeline import make_context

NETWORK = """
stream.weights @w dense<[[1, -3], [2, 0]]> : tensor<2x2xi8> loc("fc_w")
func.func @head(%x : tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>> {
  %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>> loc("q")
  func.return %q : tensor<1x2x!qint.int<0, 3>>
}
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<-9, 9>, frame = [2], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<-9, 9>, frame = [2], lanes = 1> loc(fused["fc", "bias"])
  func.return %y : !stream.channel<!qint.int<-9, 9>, frame = [2], lanes = 1>
}
func.func @tail(%x : tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2xf32> {
  %y = qint.dequantize %x {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2xf32> loc("d")
  func.return %y : tensor<1x2xf32>
}
"""  # noqa: E501

SUM = """
func.func @main(%x : tensor<1x8x!qint.int<0, 15>>) -> tensor<1x2x!qint.int<-96, 96>> {{
  %w = qint.constant dense<1> : tensor<8x2xi8> -> tensor<8x2x!qint.int<-7, 7>>
  %y = qint.matmul %x, %w : (tensor<1x8x!qint.int<0, 15>>, tensor<8x2x!qint.int<-7, 7>>) -> tensor<1x2x!qint.int<{0}, 840>> loc("fc")
  %z = qint.matmul %x, %w : (tensor<1x8x!qint.int<0, 15>>, tensor<8x2x!qint.int<-7, 7>>) -> tensor<1x2x!qint.int<-840, 840>> loc("fc")
  func.return %y : tensor<1x2x!qint.int<{0}, 840>>
}}
"""  # noqa: E501


def parsed(text, lines=None):
    return parse_module(make_context(), text, verify=False, lines=lines)


def test_host_and_hardware_are_one_graph():
    lines = {}
    module = parsed(NETWORK, lines)
    costs = Costs.of(module, {"fc_mvau": {"LUT": 7}})
    graph = build_graph(module, lines, costs)
    ops = ["input", "qint.quantize", "stream.mvau", "qint.dequantize", "output"]
    assert [node["op"] for node in graph.nodes] == ops
    assert [edge[:2] for edge in graph.edges] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [edge[3] for edge in graph.edges] == [None, 2, 5, None]
    mvau = graph.nodes[2]
    assert (mvau["name"], mvau["part"], mvau["line"]) == ("fc_mvau", "core", 8)
    assert mvau["sources"] == ["fc", "bias"]
    weights_bits = 4 * 3
    assert mvau["metrics"].pop("latency") > 0
    assert mvau["metrics"] == {
        "cycles": 4, "multipliers": 1, "memory bits": weights_bits, "LUT": 7, "width": 5,
    }  # fmt: skip
    told = dict(mvau["attributes"])
    assert told["pe"] == "1"
    assert told["weight values"].endswith("from -3 to 2")
    assert "cycles" not in graph.nodes[1]["metrics"]


def test_what_depends_on_constants_alone_is_no_node():
    text = SUM.format(-840).replace('loc("fc")\n  %z', 'loc("fc")\n  %v = qint.reshape %w'
        " : (tensor<8x2x!qint.int<-7, 7>>) -> tensor<2x8x!qint.int<-7, 7>>\n  %z")  # fmt: skip
    graph = build_graph(parsed(text), {}, Costs())
    ops = [node["op"] for node in graph.nodes]
    assert ops == ["input", "qint.matmul", "qint.matmul", "output"]
    assert graph.nodes[1]["ins"][1][0] == "constant"
    assert dict(graph.nodes[1]["attributes"])["constant operand"].endswith("values from 1 to 1")


def test_widths_are_compared_value_by_value():
    rows = compare_widths(parsed(SUM.format(-2000)), parsed(SUM.format(-840)))
    assert [(row["source"], row["op"]) for row in rows] == [("fc", "qint.matmul")] * 2
    assert [(row["before"][0], row["after"][0], row["types"]) for row in rows] == [
        (12, 11, 4 + 4 + 3),
        (11, 11, 11),
    ]
    assert rows[0]["after"][1] == "[-840, 840]"
    assert compare_widths(None, parsed(SUM.format(-840)))[0]["before"] is None


def test_types_in_words():
    channel = stream.ChannelType(qint.IntType(-4, 3), [4, 4, 2], 2)
    assert (
        describe_type(channel)
        == "4\N{MULTIPLICATION SIGN}4\N{MULTIPLICATION SIGN}2 INT3 [-4, 3] · 2 a beat"
    )
    assert describe_type(qint.IntType(0, 9)) == "UINT4 [0, 9]"
