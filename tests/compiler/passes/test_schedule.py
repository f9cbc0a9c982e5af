"""Operations that free memory come early; nothing else moves."""

from compiler.build import Builder
from compiler.passes.check import names
from gpubp.compiler.passes.schedule import peak, schedule

N = 1024


def gradients(b, layers=4):
    """A chain of products, and at the end an update with each of their results."""
    x, found = b.input(N, N), []
    y = x
    for _ in range(layers):
        y = b.tanh(y)
        found.append((b.input(N, N), b.matmul(x, y)))
    return b.returns(*[b.add(p, g) for p, g in found])


def test_updates_come_as_soon_as_they_can():
    program = gradients(Builder())
    assert names(program) == ["tanh", "matmul"] * 4 + ["add"] * 4
    found = schedule(program)
    assert names(found) == ["tanh", "matmul", "add"] * 4
    assert peak(program) == 5 * N * N * 4
    assert peak(found) == 2 * N * N * 4


def test_small_things_that_updates_wait_for_come_first():
    b = Builder()
    step = b.input()
    x = b.input(N, N)
    g = b.tanh(x)
    h = b.sin(g)
    rate = b.exp(step)
    program = b.returns(b.multiply(g, rate), b.cos(h))
    assert names(schedule(program)) == ["exp", "tanh", "multiply", "sin", "cos"]


def test_views_are_no_memory():
    b = Builder()
    x = b.tanh(b.input(N, N))
    flat = b.reshape(x, shape=(N * N,))
    program = b.returns(b.sum(flat, axis=(0,), keepdims=False))
    assert peak(program) == N * N * 4


def test_a_second_run_does_not_come_early():
    b = Builder()
    x = b.input(N, N)
    y = b.sum(b.tanh(x), axis=(0, 1), keepdims=False)
    program = b.returns(b.multiply(b.sum(b.sin(x), axis=(0, 1), keepdims=False), y))
    for operation in program.operations[2:]:
        operation.region = 1
    assert names(schedule(program)) == names(program)


def test_long_programs():
    b = Builder()
    x = b.input(3)
    for _ in range(5000):
        x = b.tanh(x)
    assert len(schedule(b.returns(x)).operations) == 5000


def test_an_update_waits_until_the_parameter_it_may_overwrite_is_read():
    b = Builder()
    w, x = b.input(N, N), b.input(N, N)
    gradient = b.tanh(x)
    back = b.matmul(x, b.permute_dims(w, axes=(1, 0)))
    program = b.returns(b.add(w, gradient), back)
    computed = [name for name in names(schedule(program)) if name != "permute_dims"]
    assert computed == ["tanh", "matmul", "add"]
