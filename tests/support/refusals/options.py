"""Options that a model cannot keep."""

import json

import numpy as np

from refusals.cases import refused
from refusals.net import Net

_CHAPTER = "Options"


def _layer(title: str, at: str, change: str, folding: object, mended: object):
    """A matrix product of 4 by 4 with a folding file."""

    def register(name: str):
        texts = [x if isinstance(x, str) else json.dumps(x) for x in (folding, mended)]

        @refused(_CHAPTER, title, at, change, options={"folding": texts[0]},
                 mended_options={"folding": texts[1]})  # fmt: skip
        def build(net: Net, mended: bool):
            net.dense(net.quantized(), name="fc")

        build.__name__ = name

    return register


_GOOD = {"fc": {"PE": 2, "SIMD": 4}}
_layer("a folding that is no JSON", "folding.json", "JSON", "PE: 2", _GOOD)("folding_text")
_layer("a folding that is a list", "folding.json", "an object", [2], _GOOD)("folding_list")
_layer("a folding of a number", "folding.json: fc", "PE and SIMD", {"fc": 2}, _GOOD)(
    "folding_number"
)
_layer("a folding of a layer that is not there", "folding.json: fc7", "fc", {"fc7": {"PE": 2}},
       _GOOD)("folding_unknown")  # fmt: skip
_layer("PE 3 for 4 outputs", "folding.json: fc", "PE 2", {"fc": {"PE": 3}}, _GOOD)("folding_pe")
_layer("PE as text", "folding.json: fc", "PE 2", {"fc": {"PE": "2"}}, _GOOD)("folding_type")
_layer("a factor that is not known", "folding.json: fc", "SIMD", {"fc": {"MMID": 2}}, _GOOD)(
    "folding_factor"
)
_layer("a style that is not known", "folding.json: fc", "left out", {"fc": {"style": "fast"}},
       _GOOD)("folding_style")  # fmt: skip
_layer("one layer by two names", "folding.json: fc_mvau", "one of them",
       {"fc": {"PE": 2}, "fc_mvau": {"PE": 2}}, _GOOD)("folding_twice")  # fmt: skip


@refused(_CHAPTER, "a budget of 10 look-up tables", "limits", "a larger one",
         options={"max_luts": 10}, mended_options={"max_luts": 10_000})  # fmt: skip
def budget(net: Net, mended: bool):
    net.dense(net.quantized())


@refused(_CHAPTER, "weights of four signed digits, multiplied by shifts", "fc", "three digits",
         options={"multipliers": "shifts"})  # fmt: skip
def many_digits(net: Net, mended: bool):
    codes = net.const([[84 if mended else 85] * 4] * 4, np.int8)
    weights = net.dq(codes, 0.0625, 0, np.int8)
    net.op("MatMul", net.quantized(), weights, name="fc")


@refused(_CHAPTER, "a requantizer that cannot be a shift", "quantizelinear_1", "any form",
         options={"requantizer": "shift"}, mended_options={"requantizer": "auto"})  # fmt: skip
def forced_form(net: Net, mended: bool):
    net.quantized(net.dense(net.quantized()), 0.07)


def _places(title: str, at: str, change: str, weights: str, mended: str):
    """A matrix product of 4 by 4 with weights somewhere else."""

    def register(name: str, **options: object):
        @refused(_CHAPTER, title, at, change, options={"weights": weights, **options},
                 mended_options={"weights": mended, "cycles": 8})  # fmt: skip
        def build(net: Net, mended: bool):
            net.dense(net.quantized(), name="fc")

        build.__name__ = name

    return register


_places("weights in a place that there is not", "--weights", "external", "outside",
        "external")("weights_place")  # fmt: skip
_places("weights of a layer that is not there", "--weights fc7", "fc", "fc7=external",
        "fc=external")("weights_layer")  # fmt: skip
_places("weights beyond what is declared", "fc", "the range", "fc=writable:-1:0",
        "fc=writable:-128:127")("weights_range")  # fmt: skip
_places("weights that all work at once, elsewhere", "fc", "8 cycles", "external",
        "external")("weights_at_once", cycles=1)  # fmt: skip


@refused(_CHAPTER, "weights elsewhere, with several pixels a clock", "line", "internal weights",
         shape=(1, 1, 8), options={"weights": "external", "pixels_per_clock": 4},
         mended_options={"weights": "internal"})  # fmt: skip
def weights_of_pixels(net: Net, mended: bool):
    net.op("Conv", net.quantized(), net.weights(2, 1, 3), name="line", pads=[1, 1])


@refused(_CHAPTER, "a folding in which weights from elsewhere all work at once",
         "folding.json: fc", "a smaller PE",
         options={"weights": "external", "folding": json.dumps({"fc": {"PE": 4, "SIMD": 4}})},
         mended_options={"folding": json.dumps({"fc": {"PE": 2, "SIMD": 4}})})  # fmt: skip
def weights_folding(net: Net, mended: bool):
    net.dense(net.quantized(), name="fc")
