r"""Circulations of greatest gain in whole numbers: :math:`\max\sum_ey_eg_e` over :math:`0\le y_e\le c_e`, exact.

A circulation is best iff no cycle of room gains. From 0, cycles that do are cancelled. From the best circulation of
some labels, the others join one by one: what one pulls goes back from its loser to its winner on the shortest path
that has room, as long as that gains. No other cycle ever gains meanwhile, as is well known of shortest paths; it is
checked at the end.
"""

from dataclasses import dataclass

__all__ = ["Network"]

_STEP = 8  # bits of room: wide cycles are cancelled before narrower ones


@dataclass(frozen=True, eq=False)
class Network:
    """Labels as arcs winner -> loser, one entry each: gain of a unit that it pulls, and how many it can pull."""

    n_nodes: int
    winner: list[int]
    loser: list[int]
    gain: list[int]
    capacity: list[int]

    def solved(self, known: list[int]) -> tuple[list[int], list[int]]:
        """The best circulation, and for each node the length of the shortest path of room that ends there.

        ``known``: the best circulation of the first labels, if of any; it only saves time.

        >>> Network(3, [0, 1, 2], [1, 2, 0], [1, 1, 1], [4, 4, 2]).solved([])
        ([2, 2, 2], [0, -1, -2])
        """
        flow = [*known, *[0] * (len(self.gain) - len(known))]
        if known and all(self._joined(flow, label) for label in range(len(known), len(flow))):
            cycles, distance = _negative_cycles(self.n_nodes, self._arcs(flow))
            if not cycles:
                return flow, distance
        return self._cancelled()

    def _arcs(self, flow, least=1):
        """Where a label can pull that much more, or less: (tail, head, length, label, 1 or -1)."""
        labels = enumerate(zip(flow, self.capacity, self.winner, self.loser, self.gain, strict=True))
        arcs = []
        for e, (f, c, w, y, g) in labels:
            if c - f >= least:
                arcs.append((w, y, -g, e, 1))  # s_w >= s_l + o
            if f >= least:
                arcs.append((y, w, g, e, -1))  # s_w <= s_l + o
        return arcs

    def _cancelled(self):
        """From 0, wide cycles first: what light labels bound would be met again and again while heavy ones move."""
        flow, least = [0] * len(self.gain), max(self.capacity, default=1)
        while True:
            cycles, distance = _negative_cycles(self.n_nodes, self._arcs(flow, least))
            for cycle in cycles:
                self._push(flow, cycle)
            if not cycles:
                rooms = [r for f, c in zip(flow, self.capacity, strict=True) for r in (f, c - f)]
                narrow = max((room for room in rooms if room < least), default=0)
                if not narrow:
                    return flow, distance
                least = 1 << (narrow.bit_length() - 1) // _STEP * _STEP

    def _push(self, flow, cycle):
        """As much along a cycle of arcs as there is room."""
        room = min(self.capacity[e] - flow[e] if sign > 0 else flow[e] for _, _, _, e, sign in cycle)
        for _, _, _, e, sign in cycle:
            flow[e] += sign * room

    def _joined(self, flow, label):
        """Pull with one more label, on top of the best circulation without it; ``False`` if it was not the best."""
        winner, loser = self.winner[label], self.loser[label]
        while flow[label] < self.capacity[label]:
            found = _shortest(self.n_nodes, [arc for arc in self._arcs(flow) if arc[3] != label], loser, winner)
            if found is None:
                return False
            length, path = found
            if not path or length >= self.gain[label]:
                break
            self._push(flow, [(winner, loser, -self.gain[label], label, 1), *path])
        return True


def _shortest(n_nodes, arcs, start, end):
    """The length and the arcs of the shortest path, no arcs if none leads there; ``None`` on a cycle of length < 0."""
    distance, before = [None] * n_nodes, [None] * n_nodes
    distance[start] = 0
    for _ in range(n_nodes):  # a path has fewer arcs
        nearer = False
        for arc in arcs:
            tail, head, length, *_ = arc
            if distance[tail] is not None and (distance[head] is None or distance[tail] + length < distance[head]):
                distance[head], before[head], nearer = distance[tail] + length, arc, True
        if not nearer:
            break
    else:
        return None
    path, node = [], end
    while before[node] is not None:
        path.append(before[node])
        node = before[node][0]
    return distance[end], path


def _negative_cycles(n_nodes, arcs):
    """Cycles of negative length that share no node, or the distances from a source at 0 from every node.

    By Bellman and Ford. The arcs that last brought nodes nearer lead around a cycle only if it is negative, and do so
    after n rounds at the latest if there is one (Tarjan 1981): they are followed after every round.
    """
    distance, before = [0] * n_nodes, [None] * n_nodes
    while True:
        nearer = False
        for arc in arcs:
            tail, head, length, *_ = arc
            if distance[tail] + length < distance[head]:
                distance[head], before[head], nearer = distance[tail] + length, arc, True
        if not nearer:
            return [], distance
        if cycles := _closed(before):
            return cycles, distance


def _closed(before):
    """The cycles of the arcs that lead to each node."""
    seen, cycles = [None] * len(before), []
    for start in range(len(before)):
        node, path = start, []
        while seen[node] is None and before[node] is not None:
            seen[node] = start
            path.append(before[node])
            node = before[node][0]
        if path and seen[node] == start:
            cycles.append(path[[head for _, head, *_ in path].index(node) :])
    return cycles
