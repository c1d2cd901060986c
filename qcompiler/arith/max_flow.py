"""Largest closures of graphs, by maximum flow."""

from collections import deque
from collections.abc import Iterable, Sequence

_ENDLESS = 1 << 60


class Closures:
    """A graph whose nodes have profits, positive or negative.

    A closure is a set of nodes that, with a node, has all that it requires. Dinic's algorithm finds
    the one with most profit: Picard, "Maximal Closure of a Graph and Applications to Combinatorial
    Problems", Management Science 22, 1976.
    """

    def __init__(self, profits: Sequence[int], requires: Iterable[tuple[int, int]]):
        """Takes the profit of each node, and pairs of a node and one that it requires."""
        count = len(profits)
        self._source, self._sink = count, count + 1
        self._to: list[int] = []
        self._room: list[int] = []
        self._edges: list[list[int]] = [[] for _ in range(count + 2)]
        for node, profit in enumerate(profits):
            if profit > 0:
                self._edge(self._source, node, profit)
            elif profit < 0:
                self._edge(node, self._sink, -profit)
        for node, other in requires:
            self._edge(node, other, _ENDLESS)

    def _edge(self, start: int, end: int, room: int) -> None:
        self._edges[start].append(len(self._to))
        self._to.append(end)
        self._room.append(room)
        self._edges[end].append(len(self._to))
        self._to.append(start)
        self._room.append(0)

    def best(self) -> list[int]:
        """Returns the nodes of the smallest closure with most profit; none if none has any."""
        while (levels := self._levels())[self._sink] >= 0:
            self._block(levels)
        return [node for node in range(self._source) if levels[node] >= 0]

    def _levels(self) -> list[int]:
        """Returns the distance of each node from the source along edges with room; -1 if none."""
        to, room, edges = self._to, self._room, self._edges
        levels = [-1] * len(edges)
        levels[self._source] = 0
        waiting = deque([self._source])
        while waiting:
            node = waiting.popleft()
            following = levels[node] + 1
            for edge in edges[node]:
                end = to[edge]
                if room[edge] and levels[end] < 0:
                    levels[end] = following
                    waiting.append(end)
        return levels

    def _block(self, levels: list[int]) -> None:
        """Sends flow along shortest ways until none is left."""
        to, room, edges = self._to, self._room, self._edges
        at = [0] * len(edges)
        path: list[int] = []
        node = self._source
        while True:
            if node == self._sink:
                flow = min(room[edge] for edge in path)
                cut = 0
                for place, edge in enumerate(path):
                    room[edge] -= flow
                    room[edge ^ 1] += flow
                    if not room[edge] and not cut:
                        cut = place + 1
                node = to[path[cut - 1] ^ 1]
                del path[cut - 1 :]
                continue
            own = edges[node]
            wanted = levels[node] + 1
            place = at[node]
            while place < len(own):
                edge = own[place]
                if room[edge] and levels[to[edge]] == wanted:
                    break
                place += 1
            at[node] = place
            if place < len(own):
                path.append(own[place])
                node = to[own[place]]
            elif node == self._source:
                return
            else:
                levels[node] = -2
                node = to[path.pop() ^ 1]
