"""Places for the cards and labels of a graph that is drawn from the bottom up.

The layered method of Sugiyama, Tagawa and Toda (1981): ranks by longest path, few crossings by
barycentres, then coordinates that pull neighbours together. An edge's label takes part as a card
of its own, on a rank between its ends, so that labels never lie on each other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 12  # of ordering and of alignment; drawings of a few dozen cards stop changing before
STARTS = 8  # of ordering, and the number of boxes from which on there is one only
LARGE = 300
INPUT_PULL = 0.1  # so that a chain of computation stands straight, its inputs beside it


@dataclass
class Box:
    """A card, a label, or (without size) a bend of an edge; ``x`` and ``y`` are its centre."""

    width: float
    height: float
    rank: int = 0
    x: float = 0.0
    y: float = 0.0
    below: list[Box] = field(default_factory=list)
    above: list[Box] = field(default_factory=list)
    pull: float = 1.0  # how strongly edges draw it into line; bends most, inputs least


@dataclass
class Route:
    """One edge: every box it passes from its lower to its upper end; ``label`` is among them."""

    boxes: list[Box]
    label: Box


def place(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int, float, float]],
    gap: float = 26.0,
) -> tuple[list[Box], list[Route], float, float]:
    """Lay out cards of these ``(width, height)`` and edges ``(lower, upper, width, height)``.

    Cards are numbered so that an edge's lower end comes before its upper end; an edge's width and
    height are its label's.

    Returns:
        The cards and the routes in the order given, and the drawing's width and height; ``y``
        grows downwards, as on a screen.

    Examples:
        >>> cards, _, width, height = place([(40, 20), (60, 20)], [(0, 1, 10, 8)])
        >>> cards[0].x == cards[1].x == width / 2
        True
        >>> cards[0].y > cards[1].y
        True
    """
    cards = [Box(width, height) for width, height in sizes]
    _rank(cards, edges)
    routes = [
        _route(cards[lower], cards[upper], Box(width, height))
        for lower, upper, width, height in edges
    ]
    ranks: list[list[Box]] = [[] for _ in range(1 + max((c.rank for c in cards), default=0))]
    for box in (*cards, *(box for route in routes for box in route.boxes[1:-1])):
        ranks[box.rank].append(box)
    _order(ranks)
    return cards, routes, *_coordinates(ranks, gap)


def _rank(cards: list[Box], edges: Sequence[tuple[int, int, float, float]]) -> None:
    """Even ranks, by the longest path from below; then sources move up to where they are used."""
    for number, card in enumerate(cards):
        card.rank = max((cards[low].rank + 2 for low, up, *_ in edges if up == number), default=0)
    fed = {up for _, up, *_ in edges}
    for number, card in enumerate(cards):
        users = [cards[up].rank for low, up, *_ in edges if low == number]
        if number not in fed:
            card.pull = INPUT_PULL
            if users:
                card.rank = min(users) - 2


def _route(lower: Box, upper: Box, label: Box) -> Route:
    boxes = [lower]
    for rank in range(lower.rank + 1, upper.rank):
        box = label if rank == lower.rank + 1 else Box(0.0, 0.0)
        box.rank, box.pull = rank, lower.pull
        boxes.append(box)
    boxes.append(upper)
    for below, above in pairwise(boxes):
        below.above.append(above)
        above.below.append(below)
    return Route(boxes, label)


def _order(ranks: list[list[Box]]) -> None:
    """Sort every rank so that few edges cross: the best of what sweeps from a few starts find."""
    fewest, best = None, [list(boxes) for boxes in ranks]
    shuffle = random.Random(0).shuffle  # of its own: a drawing must not disturb the user's
    for start in range(STARTS if sum(map(len, ranks)) < LARGE else 1):
        for boxes in ranks if start else ():
            shuffle(boxes)
        for sweep in range(SWEEPS):
            upwards = sweep % 2 == 0
            for boxes in ranks if upwards else ranks[::-1]:
                _sort_by_barycentre(boxes, ranks, upwards)
            for boxes in ranks:
                _exchange_neighbours(boxes, ranks)
            crossings = _crossings(ranks)
            if fewest is None or crossings < fewest:
                fewest, best = crossings, [list(boxes) for boxes in ranks]
            if fewest == 0:
                break
    for boxes, order in zip(ranks, best, strict=True):
        boxes[:] = order


def _places(ranks: list[list[Box]]) -> dict[int, int]:
    return {id(box): i for boxes in ranks for i, box in enumerate(boxes)}


def _sort_by_barycentre(boxes: list[Box], ranks: list[list[Box]], upwards: bool) -> None:
    at = _places(ranks)

    def centre(box: Box) -> float:
        near = box.below if upwards else box.above
        return sum(at[id(n)] for n in near) / len(near) if near else at[id(box)]

    boxes.sort(key=centre)


def _exchange_neighbours(boxes: list[Box], ranks: list[list[Box]]) -> None:
    at = _places(ranks)

    def crossings(left: Box, right: Box) -> int:
        return sum(
            at[id(m)] > at[id(n)]
            for mine, its in ((left.below, right.below), (left.above, right.above))
            for m in mine
            for n in its
        )

    for i in range(len(boxes) - 1):
        left, right = boxes[i : i + 2]
        if crossings(right, left) < crossings(left, right):
            boxes[i : i + 2] = right, left


def _crossings(ranks: list[list[Box]]) -> int:
    at = _places(ranks)
    total = 0
    for boxes in ranks:
        edges = [(i, at[id(up)]) for i, box in enumerate(boxes) for up in box.above]
        total += sum(a < c and b > d for a, b in edges for c, d in edges)
    return total


def _coordinates(ranks: list[list[Box]], gap: float) -> tuple[float, float]:
    for boxes in ranks:
        edge = 0.0
        for box in boxes:
            box.x = edge + box.width / 2
            edge += box.width + gap
    for _ in range(SWEEPS):  # a sweep carries a place along a whole chain
        for boxes in ranks:
            _spread(boxes, [_wanted(box, box.below) for box in boxes], gap)
        for boxes in ranks[::-1]:
            _spread(boxes, [_wanted(box, box.above) for box in boxes], gap)
    for _ in range(SWEEPS):
        for boxes in ranks:
            _spread(boxes, [_wanted(box, box.below + box.above) for box in boxes], gap)
    left = min(b.x - b.width / 2 for boxes in ranks for b in boxes)
    right = max(b.x + b.width / 2 for boxes in ranks for b in boxes)
    top = 0.0
    for boxes in ranks[::-1]:
        height = max(b.height for b in boxes)
        for box in boxes:
            box.x -= left
            box.y = top + height / 2
        top += height + gap
    return right - left, top - gap


def _wanted(box: Box, near: Sequence[Box]) -> float:
    """In line with its neighbours ``near``, the more so with those that pull more."""
    weights = [min(box.pull, n.pull) for n in near]
    total = sum(weights)
    return sum(w * n.x for w, n in zip(weights, near, strict=True)) / total if near else box.x


def _spread(boxes: list[Box], wanted: Sequence[float], gap: float) -> None:
    """Nearest places to ``wanted``, by weighted least squares, that keep the order and the gap.

    With each box's offset in the tightest packing taken off, places must only not decrease:
    isotonic regression, solved by pooling neighbours that violate the order.
    """
    offsets, edge = [], 0.0
    for box in boxes:
        offsets.append(edge + box.width / 2)
        edge += box.width + gap
    pools: list[tuple[float, float, int]] = []  # mean, its weight, number of boxes
    for box, want, offset in zip(boxes, wanted, offsets, strict=True):
        mean, weight, n = want - offset, box.pull, 1
        while pools and pools[-1][0] > mean:
            before, heavy, m = pools.pop()
            mean = (mean * weight + before * heavy) / (weight + heavy)
            weight, n = weight + heavy, n + m
        pools.append((mean, weight, n))
    means = [mean for mean, _, n in pools for _ in range(n)]
    for box, mean, offset in zip(boxes, means, offsets, strict=True):
        box.x = mean + offset
