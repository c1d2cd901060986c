"""Reads JSON that people may have edited or damaged."""

import json
from pathlib import Path
from typing import Any

_MOST_BYTES = 1 << 30

DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What reading a file of a design may end in if it does not hold what it should."""


def read_json(path: Path) -> Any:
    """Returns the contents of a JSON file.

    Raises:
        OSError, ValueError: it cannot be read, or is no JSON.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{path.name} is too large")
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{path.name} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
