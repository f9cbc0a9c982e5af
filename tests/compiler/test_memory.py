"""The memory plan: no value is overwritten while it is needed, and its bytes are what runs take."""

import itertools

import pytest

from compiler.programs import PROGRAMS, build
from gpubp.compiler.memory import assign, nbytes

EVERY = pytest.mark.parametrize("name", PROGRAMS)


def lives(program, plan):
    """First and last position at which each buffer's value is needed."""
    born = {y: i for i, o in enumerate(program.operations) for y in o.results}
    last = dict(born)
    for i, operation in enumerate(program.operations):
        for a in operation.operands():
            base = plan.layouts[a][0]
            last[base] = max(last.get(base, i), i)
    for y in program.outputs:
        if y in plan.layouts:
            last[plan.layouts[y][0]] = len(program.operations)
    return {v: (born[v], last[v]) for v in born if v in plan.places}


@EVERY
def test_values_that_live_at_once_share_no_byte_of_the_arena(name):
    program = build(name)
    plan = assign(program, writes=lambda operation: True)
    found = [
        (plan.places[v], *life)
        for v, life in lives(program, plan).items()
        if plan.places[v].kind == "arena"
    ]
    for (a, born_a, died_a), (b, born_b, died_b) in itertools.combinations(found, 2):
        if born_a < died_b and born_b < died_a:
            assert a.number + a.nbytes <= b.number or b.number + b.nbytes <= a.number
    assert all(p.number + p.nbytes <= plan.arena_bytes for p, *_ in found)


@EVERY
def test_results_lie_outside_the_arena(name):
    program = build(name)
    plan = assign(program, writes=lambda operation: True)
    for number, y in enumerate(program.outputs):
        if y in plan.layouts and number not in plan.copied:
            assert plan.place(y).kind in ("output", "input", "donated", "call")


def test_a_chain_needs_no_arena():
    plan = assign(build("chain"), writes=lambda operation: True)
    assert plan.arena_bytes == 0


def test_updates_are_written_into_donated_arguments():
    program = build("updates")
    plan = assign(program, donated=(0, 1, 2), writes=lambda operation: True)
    assert [plan.place(y).kind for y in program.outputs] == ["donated"] * 3
    assert {plan.place(y).number for y in program.outputs} == {0, 1, 2}
    assert plan.peak_bytes <= 2 * nbytes(program.inputs[0])


def test_a_donated_argument_that_is_needed_later_is_kept():
    program = build("view_of_an_argument")
    plan = assign(program, donated=(0,), writes=lambda operation: True)
    assert "donated" not in {place.kind for place in plan.places.values()}


def test_without_buffers_given_every_operation_allocates_until_its_last_use():
    program = build("branches")
    plan = assign(program)
    assert plan.arena_bytes == 0
    assert plan.peak_bytes == 4 * nbytes(program.inputs[0])
