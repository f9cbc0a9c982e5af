"""Learning-rate schedules, against PyTorch's where it has them, and as array operations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gpubp import errors, optim
from gpubp.optim import schedules
from libraries import Library

ROWS: dict[str, tuple[optim.Schedule, Callable[[int], float]]] = {
    "constant": (schedules.constant(0.3), lambda t: 0.3),
    "step": (schedules.step_decay(0.3, every=4, factor=0.5), lambda t: 0.3 * 0.5 ** (t // 4)),
    "exponential": (
        schedules.exponential_decay(0.3, steps=4, factor=0.5),
        lambda t: 0.3 * 0.5 ** (t / 4),
    ),
    "linear": (schedules.linear(0.1, 0.5, steps=8), lambda t: 0.1 + 0.4 * min(t / 8, 1)),
    "warm-up": (
        schedules.warm_up(schedules.cosine_decay(0.3, steps=10), steps=5),
        lambda t: min((t + 1) / 5, 1) * 0.15 * (1 + np.cos(np.pi * min(t / 10, 1))),
    ),
    "join": (
        schedules.join(
            [schedules.linear(0.0, 1.0, steps=3), schedules.constant(1.0), schedules.constant(0.1)],
            [3, 9],
        ),
        lambda t: t / 3 if t < 3 else 1.0 if t < 9 else 0.1,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_value(name: str, library: Library) -> None:
    schedule, formula = ROWS[name]
    for t in range(13):
        rate = schedule(library.asarray(np.asarray(t, dtype=np.int64)))
        assert rate.dtype == library.xp.float64
        assert tuple(rate.shape) == ()
        np.testing.assert_allclose(library.to_numpy(rate), formula(t), rtol=1e-14)
        if library.name == "numpy":
            assert float(schedule(t)) == float(rate)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            schedules.cosine_decay(0.3, steps=10, final=0.03),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=10, eta_min=0.03),
        ),
        (
            schedules.step_decay(0.3, every=3, factor=0.1),
            lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=3, gamma=0.1),
        ),
        (
            schedules.exponential_decay(0.3, steps=1, factor=0.8),
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.8),
        ),
    ],
    ids=["cosine", "step", "exponential"],
)
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_against_torch(ours, theirs) -> None:
    scheduler = theirs(torch.optim.SGD([torch.zeros(1)], 0.3))
    for t in range(11):
        np.testing.assert_allclose(float(ours(t)), scheduler.get_last_lr()[0], rtol=1e-12)
        scheduler.step()


def test_large_step_counts_are_exact() -> None:
    late = np.asarray(2**25 + 1, dtype=np.int64)
    schedule = schedules.join([schedules.constant(1.0), schedules.constant(2.0)], [2**25 + 1])
    assert (float(schedule(late - 1)), float(schedule(late))) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.step_decay(1.0, every=0, factor=0.5), "step_decay: every is 0"),
        (lambda: schedules.exponential_decay(1.0, steps=0, factor=0.5), "steps is 0"),
        (lambda: schedules.cosine_decay(1.0, steps=-1), "cosine_decay: steps is -1"),
        (lambda: schedules.linear(1.0, 0.0, steps=0), "linear: steps is 0"),
        (lambda: schedules.warm_up(schedules.constant(1.0), steps=0), "warm_up: steps is 0"),
        (lambda: schedules.join([schedules.constant(1.0)], [3]), "0 increasing integers"),
    ],
)
def test_arguments_out_of_range(make, message: str) -> None:
    with pytest.raises(errors.ArgumentError, match=message):
        make()
