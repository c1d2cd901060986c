"""What reads a tensor of an ONNX graph, beyond nodes that only move or cast it."""

from collections.abc import Iterable, Iterator

from onnx import NodeProto

_MOVES = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")


def readers_beyond_moves(
    nodes: Iterable[NodeProto], name: str
) -> Iterator[tuple[NodeProto, list[int]]]:
    """Yields the nodes that read a tensor, as it is or moved, and as which of their inputs."""
    readers: dict[str, list[NodeProto]] = {}
    for node in nodes:
        for given in dict.fromkeys(node.input):
            readers.setdefault(given, []).append(node)
    seen, pending = {name}, [name]
    while pending:
        read = pending.pop()
        for node in readers.get(read, []):
            places = [i for i, given in enumerate(node.input) if given == read]
            if node.op_type in _MOVES and places == [0]:
                pending += [made for made in node.output if made not in seen]
                seen.update(node.output)
            else:
                yield node, places
