"""A plan as a picture: what is computed, and what flows where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpubp.compiler.listing import call, fused_names, kind_of, summary, value_names
from gpubp.compiler.program import Value
from gpubp.inspect.drawing import Card, Edge, Line, svg

if TYPE_CHECKING:
    from gpubp.compiler.plan import Plan


def picture(plan: Plan) -> str:
    """The graph as SVG: arguments at the bottom, results outlined."""
    names = value_names(plan)
    program = plan.program
    returned = {y for y in program.outputs if type(y) is Value}
    cards: list[Card] = []
    edges: list[Edge] = []
    made: dict[Value, int] = {}
    used = {a for o in program.operations for a in o.operands()}
    for number, x in enumerate(program.inputs):
        if x in used:
            made[x] = len(cards)
            title = Line(f"{names[x]} = argument {number}", "title")
            cards.append(Card((title, Line(kind_of(x))), "input"))
    for x in program.constants:
        made[x] = len(cards)
        title = Line(f"{names[x]} = constant", "title")
        cards.append(Card((title, Line(kind_of(x))), "input"))
    for operation in program.operations:
        if plan.memory.is_view(operation):
            base = plan.memory.layouts[operation.results[0]][0]
            if base in made and operation.results[0] not in returned:
                made[operation.results[0]] = made[base]
                continue
        number = len(cards)
        results = ", ".join(names[y] for y in operation.results)
        lines = [Line(f"{results} = {call(operation, names)}", "title")]
        lines += [Line(text) for text in fused_names(operation)]
        lines.append(Line(", ".join(map(kind_of, operation.results))))
        lines.append(Line(summary(operation)))
        kind = "output" if returned & set(operation.results) else "card"
        cards.append(Card(tuple(lines), kind))
        sources = dict.fromkeys(made[a] for a in operation.operands())
        edges += [Edge(source, number) for source in sources]
        made.update(dict.fromkeys(operation.results, number))
    return svg(cards, edges, "The plan of a program")
