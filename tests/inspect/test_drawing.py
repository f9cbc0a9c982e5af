"""Pictures: well-formed, nothing on top of anything else, and every word in them."""

import itertools
import random
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from gpubp.inspect import table
from gpubp.inspect.drawing import Card, Edge, Line, svg
from gpubp.inspect.layout import place

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture):
    root = ElementTree.fromstring(picture)
    assert root.tag == f"{SVG}svg"
    return ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]


def random_graph(seed, n):
    choose = random.Random(seed)
    sizes = [(choose.uniform(20, 200), choose.uniform(20, 90)) for _ in range(n)]
    edges = []
    for upper in range(1, n):
        for lower in choose.sample(range(upper), min(upper, choose.choice([1, 1, 2]))):
            edges.append((lower, upper, choose.uniform(0, 120), 18.0))
    return sizes, edges


@pytest.mark.parametrize("seed", range(8))
def test_nothing_overlaps_and_edges_go_up(seed):
    sizes, edges = random_graph(seed, 3 + 4 * seed)
    cards, routes, width, height = place(sizes, edges)
    boxes = [*cards, *(route.label for route in routes)]
    for a, b in itertools.combinations(boxes, 2):
        apart_x = abs(a.x - b.x) >= (a.width + b.width) / 2 - 1e-6
        apart_y = abs(a.y - b.y) >= (a.height + b.height) / 2 - 1e-6
        assert apart_x or apart_y
    for box in boxes:
        assert box.x - box.width / 2 >= -1e-6
        assert box.x + box.width / 2 <= width + 1e-6
        assert box.y - box.height / 2 >= -1e-6
        assert box.y + box.height / 2 <= height + 1e-6
    for (lower, upper, _, _), route in zip(edges, routes, strict=True):
        assert route.boxes[0] is cards[lower]
        assert route.boxes[-1] is cards[upper]
        for a, b in itertools.pairwise(route.boxes):
            assert a.y > b.y


def test_a_chain_stands_straight():
    cards, _, _, _ = place(
        [(50 + 10 * n, 20) for n in range(6)], [(n, n + 1, 30, 9) for n in range(5)]
    )
    assert max(abs(card.x - cards[0].x) for card in cards) < 1e-6


def test_no_crossing_where_none_is_needed():
    """x feeds u1 and u2, u1 feeds u2 and y: it can be drawn in the plane."""
    sizes = [(100, 60)] * 4
    _, routes, _, _ = place(
        sizes, [(0, 1, 80, 18), (0, 2, 80, 18), (1, 2, 80, 18), (2, 3, 80, 18), (1, 3, 80, 18)]
    )
    steps = [pair for route in routes for pair in itertools.pairwise(route.boxes)]
    for (a, b), (c, d) in itertools.combinations(steps, 2):
        if a.rank == c.rank and a is not c and b is not d:
            assert (a.x < c.x) == (b.x < d.x)


def test_svg_is_well_formed_and_escapes():
    picture = svg([Card((Line("a < b & c", "title"),)), Card((Line('"y"'),))],
                  [Edge(0, 1, ("x > 1",))], "a < b")  # fmt: skip
    assert texts(picture) == ["x > 1", "a < b & c", '"y"']


def test_table_draws_every_variable_and_derivative():
    x = np.asarray(0.8)
    found = table(lambda x: 1 / (1 + np.exp(-x)), x)
    words = texts(found._repr_svg_())
    for step in found:
        title = f"{step.name} = {step.definition}" if step.definition else step.name
        assert title in words
    assert "dy/dx = 0.2139" in words
    assert "∂u2/∂u1 = u2 = 0.4493" in words
    assert found._repr_html_().endswith("</svg>")
    assert "<td>exp(u1)</td>" in found._repr_html_()


def test_drawing_leaves_the_random_state_alone():
    random.seed(1)
    want = random.random()
    random.seed(1)
    table(lambda x: x * x + x, np.asarray(1.0))._repr_svg_()
    assert random.random() == want
