"""The version and the name to install by, each said once."""

VERSION = "0.1.0"

DISTRIBUTION = "qcompiler-hdl"
"""Name on the Python package index, where `qcompiler` is taken. The import is `qcompiler`."""


def installing(extra: str) -> str:
    """Returns the command that installs what an extra brings, as a remedy says it.

    Examples:
        >>> installing("sim")
        "pip install 'qcompiler-hdl[sim]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"
