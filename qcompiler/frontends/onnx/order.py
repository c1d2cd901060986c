"""The order in which nodes are imported: each after those whose results it takes."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from onnx import NodeProto


def in_order(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """Returns nodes so that each comes after its makers, otherwise in the order of the file.

    Nodes of a cycle, and what depends on them, come last as they stand.
    """
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    waits = [{makers[name] for name in node.input if name in makers} for node in nodes]
    if all(max(needed, default=-1) < index for index, needed in enumerate(waits)):
        return list(nodes)
    users: dict[int, list[int]] = {}
    for index, needed in enumerate(waits):
        for maker in needed:
            users.setdefault(maker, []).append(index)
    missing = [len(needed) for needed in waits]
    ready = [index for index, count in enumerate(missing) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        index = heappop(ready)
        order.append(index)
        for user in users.get(index, ()):
            missing[user] -= 1
            if not missing[user]:
                heappush(ready, user)
    done = set(order)
    return [nodes[index] for index in [*order, *(i for i in range(len(nodes)) if i not in done)]]
