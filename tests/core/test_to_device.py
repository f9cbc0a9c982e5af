"""Moving between devices is linear: array-api-strict has several on every machine."""

import array_api_strict as strict

import gpubp

HERE, THERE = strict.Device("CPU_DEVICE"), strict.Device("device1")


def moved(x):
    y = (x * x).to_device(THERE)
    assert y.device == THERE
    return y * 3.0


def test_value_and_cotangent_lie_each_on_their_own_device():
    x = strict.asarray([1.0, 2.0], device=HERE)
    out, pullback = gpubp.vjp(moved, x)
    assert out.device == THERE
    (ct,) = pullback(strict.asarray([1.0, 1.0], device=THERE))
    assert ct.device == HERE
    assert [float(e) for e in (ct[0], ct[1])] == [6.0, 12.0]


def test_tangent_moves_along():
    x = strict.asarray([1.0, 2.0], device=HERE)
    _, tangent = gpubp.jvp(moved, (x,), (strict.ones(2, dtype=x.dtype, device=HERE),))
    assert tangent.device == THERE
    assert [float(e) for e in (tangent[0], tangent[1])] == [6.0, 12.0]


def test_a_batch_moves_as_one():
    x = strict.reshape(strict.arange(6.0, dtype=strict.float64, device=HERE), (3, 2))
    assert gpubp.vmap(moved)(x).device == THERE


def test_moving_nowhere_is_the_same_array():
    def f(x):
        assert x.to_device(x.device) is x
        return x

    gpubp.vmap(f)(strict.ones(2, device=HERE))
