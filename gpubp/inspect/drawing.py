"""The drawing of a graph as SVG: cards with lines of text, joined by labelled edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from gpubp.inspect.layout import Box, Route, place

FONT = 13.0  # pixels
ADVANCE = 0.602 * FONT  # of a character in the monospaced fonts named below
LINE = 18.0
PADDING = 10.0
MARGIN = 14.0

STYLE = """
text { font: 13px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2933; }
.card { fill: #ffffff; stroke: #9aa5b1; stroke-width: 1.2; }
.input { fill: #f0f4f8; stroke: #627d98; }
.output { fill: #fffbea; stroke: #cb6e17; }
.title { font-weight: bold; }
.value { fill: #1f2933; }
.derivative { fill: #b4232c; }
.edge { fill: none; stroke: #7b8794; stroke-width: 1.4; }
.label { fill: #52606d; }
.paper { fill: #ffffff; }
"""


@dataclass(frozen=True)
class Line:
    """A line of a card; ``kind`` is title, value or derivative."""

    text: str
    kind: str = "value"


@dataclass(frozen=True)
class Card:
    """A node; ``kind`` is card, input or output."""

    lines: tuple[Line, ...]
    kind: str = "card"


@dataclass(frozen=True)
class Edge:
    """An arrow from card number ``lower`` up to card number ``upper``, with lines of label."""

    lower: int
    upper: int
    label: tuple[str, ...] = ()


def svg(cards: Sequence[Card], edges: Sequence[Edge], title: str) -> str:
    """An SVG document: values flow upwards along the arrows; derivatives are printed in red.

    Args:
        cards: in an order in which an edge's lower end comes before its upper end.
        edges: between numbers of cards.
        title: what readers of the screen hear, and the tooltip.

    Examples:
        >>> picture = svg([Card((Line("x"),)), Card((Line("y"),))], [Edge(0, 1, ("2",))], "y = 2x")
        >>> picture.startswith("<svg") and picture.endswith("</svg>")
        True
    """
    boxes, routes, width, height = place(
        [_size([line.text for line in card.lines], PADDING) for card in cards],
        [(e.lower, e.upper, *_size(e.label, 4.0 if e.label else 0.0)) for e in edges],
    )
    parts = [_edge(route) for route in routes]
    parts += [_label(route.label, edge.label) for route, edge in zip(routes, edges, strict=True)]
    parts += [_card(box, card) for box, card in zip(boxes, cards, strict=True)]
    w, h = round(width + 2 * MARGIN), round(height + 2 * MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        f'viewBox="{-MARGIN:g} {-MARGIN:g} {w} {h}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0.8 L7.5,4 L0,7.2 Z" fill="#7b8794"/>'
        f'</marker></defs><rect class="paper" x="{-MARGIN:g}" y="{-MARGIN:g}" '
        f'width="{w}" height="{h}"/>' + "".join(parts) + "</svg>"
    )


def _size(lines: Sequence[str], padding: float) -> tuple[float, float]:
    widest = max((len(line) for line in lines), default=0)
    return widest * ADVANCE + 2 * padding, len(lines) * LINE + 2 * padding * 0.7


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'xml:space="preserve">{escape(text)}</text>'
    )


def _card(box: Box, card: Card) -> str:
    x, y = box.x - box.width / 2, box.y - box.height / 2
    parts = [
        f'<rect class="card {card.kind}" x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="6"/>'
    ]
    y += PADDING * 0.7 + LINE * 0.72
    for line in card.lines:
        parts.append(_text(x + PADDING, y, line.text, line.kind, "start"))
        y += LINE
    return "".join(parts)


def _label(box: Box, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    x, y = box.x - box.width / 2, box.y - box.height / 2
    parts = [
        f'<rect class="paper" x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}"/>'
    ]
    y += 4.0 * 0.7 + LINE * 0.72
    for line in lines:
        parts.append(_text(box.x, y, line, "label", "middle"))
        y += LINE
    return "".join(parts)


def _edge(route: Route) -> str:
    """A smooth line: straight up through each box, an S-curve from one to the next."""
    first, *between, last = route.boxes
    path = [f"M{first.x:.1f},{first.y - first.height / 2:.1f}"]
    x, y = first.x, first.y - first.height / 2
    for box in (*between, last):
        # An arrow ends on its card's rim, wherever along the rim is nearest.
        end_x, end_y = box.x, box.y + box.height / 2
        if box is last:
            reach = max(box.width / 2 - 12.0, 0.0)
            end_x = min(max(x, box.x - reach), box.x + reach)
            end_y += 2.0
        middle = (y + end_y) / 2
        path.append(f"C{x:.1f},{middle:.1f} {end_x:.1f},{middle:.1f} {end_x:.1f},{end_y:.1f}")
        x, y = end_x, box.y - box.height / 2
        if box is not last:
            path.append(f"L{x:.1f},{y:.1f}")
    return f'<path class="edge" d="{" ".join(path)}" marker-end="url(#tip)"/>'
