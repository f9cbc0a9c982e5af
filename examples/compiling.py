"""A whole training step recorded once: compile runs it, plan shows what it does and needs."""

import numpy as np
from _show import check, heading

import gpubp
from gpubp import losses, nn, optim

model = nn.MLP([8, 16, 3], key=gpubp.random.key(0, backend="numpy"))
optimiser = optim.adam(1e-2)
state = optimiser.init(model)
rng = np.random.default_rng(0)
x, labels = rng.normal(size=(32, 8)).astype(np.float32), rng.integers(0, 3, size=32)


def step(model, state, x, labels):
    """Loss, gradient and update: a function like any other."""
    loss, gradient = gpubp.value_and_grad(lambda m: losses.cross_entropy(m(x), labels))(model)
    updates, state = optimiser.update(gradient, state, model)
    return optim.apply_updates(model, updates), state, loss


heading("What the program does, before anything runs")
plan = gpubp.plan(step, model, state, x, labels, donate=(0, 1))
code = str(plan).splitlines()
print("\n".join(line[:98] for line in code[:1] + [line for line in code if "product(" in line]))
print(f"  {plan.launches} launches, {plan.flops:,} flop, {plan.peak_bytes:,} bytes at the peak")

heading("The same numbers as step by step")
compiled = gpubp.compile(step)
_, _, eager_loss = step(model, state, x, labels)
new_model, new_state, loss = compiled(model, state, x, labels)
check("loss", loss, eager_loss, tol=1e-6)

heading("A training loop that works in place: the model and the state are donated")
train = gpubp.compile(step, donate=(0, 1))
model, state = new_model, new_state  # the first call's results: nobody else needs them
for _ in range(100):
    model, state, loss = train(model, state, x, labels)
print(f"  loss after 101 steps {float(loss):.4f}, from {float(eager_loss):.4f}")
assert loss < eager_loss / 2

heading("Derivatives of a compiled function are compiled too")
f = gpubp.compile(lambda v: np.sum(np.tanh(v) ** 2))
v = np.linspace(-1.0, 1.0, 5)
t = np.tanh(v)
check("grad", gpubp.grad(f)(v), 2 * t * (1 - t**2))
check("hessian", gpubp.hessian(f)(v), np.diag(2 * (1 - t**2) * (1 - 3 * t**2)))

heading("What cannot be recorded says so")
try:
    gpubp.compile(lambda v: v if np.sum(v) > 0 else -v)(v)
except gpubp.errors.UnknownValueError as error:
    print("  " + str(error).split(": ", 1)[1][:90])
