"""The models of examples/, by the names that tests give them."""

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
MODELS = {
    "mlp": EXAMPLES / "digits_mlp" / "digits_mlp.onnx",
    "qonnx": EXAMPLES / "digits_cnn" / "digits_cnn_qonnx.onnx",
    "qdq": EXAMPLES / "digits_cnn" / "digits_cnn_qdq.onnx",
}
HOST_NODES = {"input_quant", "logits_dequantize"}
"""Nodes that the driver computes, in any of them."""
