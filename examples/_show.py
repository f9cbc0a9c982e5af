"""What the example scripts print with: a checked line, a slip of the lecture notes, a heading."""

import numpy as np


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}")


def numbers(value, digits=6):
    """A scalar or small array on one line."""
    value = np.asarray(value)
    if value.ndim == 0:
        return f"{value[()]:.{digits}g}"
    return "[" + ", ".join(numbers(part, digits) for part in value) + "]"


def check(what, got, want, tol=1e-10, digits=6):
    """Print the library's value; stop when it is not the closed form `want`, to `tol`."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, closed form has {want.shape}"
    error = np.max(np.abs(got - want), initial=0.0)
    scale = max(1.0, np.max(np.abs(want), initial=0.0))
    assert error <= tol * scale, f"{what}: {numbers(got)}, closed form {numbers(want)}"
    shown = numbers(got, digits) if got.size <= 8 else f"{got.shape}, every entry"
    print(f"  {what:<46} {shown}")


def slip(what, note=None, right=None, digits=6):
    """Print a slip of the notes; where its numbers are given, stop if they are right after all."""
    print(f"  ! the note: {what}")
    if note is not None:
        note, right = np.asarray(note), np.asarray(right)
        same = note.shape == right.shape and np.allclose(note, right, rtol=1e-9)
        assert not same, f"{what}: not a slip, both are {numbers(right)}"
        print(f"    note's value {numbers(note, digits)}; right {numbers(right, digits)}")
