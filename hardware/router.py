"""A router for small two-layer boards whose every pad stands on one grid.

Dijkstra over cells of two layers, one net after the other; when a net finds no way it goes first
and all begin again. Knows cells and nets, no millimetres. Clearances hold by the grid: the caller
chooses it so that tracks on neighbouring lines, and a track beside a pad, keep apart; a via is
never put beside a foreign pad.
"""

import functools
import heapq

Cell = tuple[int, int]
Node = tuple[int, int, int]  # x, y, layer (0 front, 1 back)
VIA = 12  # steps that a via costs
ACROSS = 3  # tenths of a step more against a layer's own direction
ROUNDS = 30


class NoWay(Exception):
    """The nets do not fit."""


class Grid:
    """`pads`: cell -> net; `closed`: cells where no copper may be."""

    def __init__(
        self, width: range, height: range, pads: dict[Cell, str], closed: frozenset[Cell]
    ):
        self.width, self.height, self.pads, self.closed = width, height, pads, closed
        self.taken: dict[Node, str] = {}

    def free(self, node: Node, net: str) -> bool:
        x, y, _layer = node
        if x not in self.width or y not in self.height or (x, y) in self.closed:
            return False
        return self.pads.get((x, y), net) == net and self.taken.get(node, net) == net

    def via_fits(self, x: int, y: int, net: str) -> bool:
        beside = ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1))
        return all(self.pads.get(cell, net) == net for cell in beside)

    def steps(self, node: Node, net: str):
        """Neighbours and what they cost."""
        x, y, layer = node
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            near = (x + dx, y + dy, layer)
            if self.free(near, net):
                yield near, 10 + (ACROSS if (dx == 0) == (layer == 0) else 0)
        other = (x, y, 1 - layer)
        if self.free(other, net):
            if self.pads.get((x, y)) == net:
                yield other, 0  # a pad is on both layers
            elif self.via_fits(x, y, net):
                yield other, 10 * VIA

    def path(self, start: set[Node], goals: set[Cell], net: str) -> list[Node]:
        """The cheapest way from a tree to any goal."""
        best = dict.fromkeys(start, 0)
        came: dict[Node, Node] = {}
        heap = [(0, node) for node in sorted(start)]
        while heap:
            cost, node = heapq.heappop(heap)
            if cost > best[node]:
                continue
            if node[:2] in goals:
                way = [node]
                while way[-1] in came:
                    way.append(came[way[-1]])
                return way
            for near, more in self.steps(node, net):
                if cost + more < best.get(near, 1 << 30):
                    best[near] = cost + more
                    came[near] = node
                    heapq.heappush(heap, (cost + more, near))
        raise NoWay(net)

    def connect(self, net: str) -> list[list[Node]]:
        """The ways that make one tree of a net's pads."""
        cells = [cell for cell, name in self.pads.items() if name == net]
        tree = {(*cells[0], 0), (*cells[0], 1)}
        left, ways = set(cells[1:]), []
        while left:
            way = self.path(tree, left, net)
            ways.append(way)
            tree |= set(way)
            left.discard(way[0][:2])
            tree |= {(*way[0][:2], 0), (*way[0][:2], 1)}
            for node in way:
                self.taken[node] = net
        return ways


def route(width: range, height: range, pads: dict[Cell, str], closed: set[Cell]):
    """Net -> its ways. `NoWay` when they do not fit."""
    return _route(width, height, tuple(pads.items()), frozenset(closed))


@functools.cache
def _route(width: range, height: range, items: tuple, closed: frozenset[Cell]):
    pads = dict(items)
    nets = [net for net in dict.fromkeys(pads.values()) if net]

    def spread(net: str) -> int:
        cells = [cell for cell, name in pads.items() if name == net]
        return max(x for x, _ in cells) + max(y for _, y in cells) + 4 * len(cells)

    order = sorted(nets, key=spread)
    for _round in range(ROUNDS):
        grid, ways, net = Grid(width, height, pads, closed), {}, ""
        try:
            for net in order:
                ways[net] = grid.connect(net)
        except NoWay:
            order.remove(net)
            order.insert(0, net)
        else:
            return ways
    raise NoWay("the nets do not fit on two layers: move a part in [carrier.place]")
