"""One self-contained HTML page that shows a design from the model to Verilog."""

from qcompiler.backends.view.page import build_page, write_page

__all__ = ["build_page", "write_page"]
