"""``gpubp.plan``: what a compiled function will do, as a value, before anything is allocated."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpubp import errors
from gpubp.compiler import costs
from gpubp.compiler.memory import MemoryPlan, assign
from gpubp.compiler.program import Operation, Program
from gpubp.core.backend import Backend, get_backend
from gpubp.core.namespace import namespace_for
from gpubp.transforms.arguments import require_callable

if TYPE_CHECKING:
    from os import PathLike


class Plan:
    """A program that is ready to be made executable; made by :func:`plan` and :func:`load`.

    Printing shows its code.

    Attributes:
        recorded: the program as the function wrote it.
        program: what will run.
        memory: where its values lie.
    """

    def __init__(self, recorded: Program, donated: Collection[int] = ()) -> None:
        from gpubp.compiler.passes import optimize  # a third of what importing gpubp would take

        self.recorded = recorded
        self.donated = tuple(sorted(donated))
        self.backend, device = _home(recorded)
        with self.backend.on(device):  # passes look at constants
            self.program = optimize(recorded, fuse=self.backend.fuses)
        self.memory: MemoryPlan = assign(
            self.program, self.donated, self.backend.writes, self.backend.workspace
        )

    @property
    def operations(self) -> list[Operation]:
        """Those that compute something: views of other arrays are left out."""
        return [o for o in self.program.operations if not self.memory.is_view(o)]

    @property
    def peak_bytes(self) -> int:
        """Bytes that a call allocates beyond its arguments at the worst moment."""
        return self.memory.peak_bytes

    @property
    def flops(self) -> int:
        """Additions, multiplications and calls of functions, each counted as one."""
        return sum(map(costs.flops, self.operations))

    @property
    def bytes_moved(self) -> int:
        """Bytes that the operations read and write."""
        return sum(map(costs.bytes_moved, self.operations))

    @property
    def launches(self) -> int:
        """Number of operations that compute something."""
        return len(self.operations)

    @cached_property
    def executable(self) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """The program in its backend's form: from arrays to arrays."""
        return self.backend.executable(self.program, self.memory)

    def __call__(self, *arrays: Any) -> list[Any]:
        """Run the program on its inputs in order; the results in order."""
        return list(self.executable(arrays))

    def __repr__(self) -> str:
        from gpubp.compiler.listing import listing

        return listing(self)

    def picture(self, path: str | PathLike[str]) -> Path:
        """Draw the graph of the operations, as SVG, into the file ``path``.

        Raises:
            ArgumentError: for the name of a file that is not an SVG.
        """
        from gpubp.compiler.picture import picture

        path = Path(path)
        if path.suffix != ".svg":
            raise errors.ArgumentError(
                f"picture: {path} has the suffix {path.suffix!r}; the picture is an .svg"
            )
        path.write_text(picture(self), encoding="utf-8")
        return path

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the recorded program to ``path``, a safetensors file that :func:`load` reads.

        Raises:
            ArgumentError: for operations that are not the library's own.
        """
        from safetensors.numpy import save_file

        from gpubp.compiler.encoding import encode

        structure = {"program": encode(self.recorded), "donated": list(self.donated)}
        constants = {
            # The format takes the bytes as they lie: a broadcast array's are not all there.
            str(number): self.backend.to_numpy(x).copy()
            for number, x in enumerate(self.recorded.constants.values())
        }
        save_file(constants, path, metadata={"gpubp": json.dumps(structure)})
        return Path(path)


def plan(
    f: Callable[..., Any], *args: Any, donate: int | Sequence[int] = (), **kwargs: Any
) -> Plan:
    """The program that ``gpubp.compile(f)`` would run for these arguments.

    Nothing of the arguments' size is allocated, and no value of theirs is looked at.

    Args:
        f: function of trees of arrays and Python numbers.
        *args: arguments, or arrays without values of the same shapes.
        donate: positional arguments whose arrays the call may overwrite and return as results.
        **kwargs: arguments by name.

    Returns:
        A :class:`Plan` with ``peak_bytes``, ``flops``, ``bytes_moved`` and ``launches``; ``print``
        shows its code, ``picture(path)`` draws it, ``save(path)`` keeps it.

    Raises:
        UnknownValueError: at the line of ``f`` that needs a value.

    Examples:
        >>> import gpubp, numpy as np
        >>> found = gpubp.plan(lambda x, w: np.tanh(x @ w), np.ones((4, 2)), np.ones((2, 3)))
        >>> found.launches, found.flops, found.peak_bytes
        (2, 60, 96)
    """
    from gpubp.compiler.compiled import Compiled

    require_callable(f, "plan")
    donated = (donate,) if isinstance(donate, int) else tuple(donate)
    recorded, _ = Compiled(f, (), donated).recorded(args, kwargs)
    return Plan(recorded.program, recorded.call.donated)


def load(path: str | PathLike[str], backend: Backend | str = "auto") -> Plan:
    """The plan that :meth:`Plan.save` wrote, for the arrays of ``backend``.

    Call it with the program's inputs in order; it returns the results in order.

    Raises:
        ArgumentError: for a file that holds no program that this version reads.

    Examples:
        >>> import gpubp, gpubp.compiler, numpy as np, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "twice.safetensors")
        >>> path = gpubp.plan(lambda x: 2 * x, np.ones(3)).save(path)
        >>> gpubp.compiler.load(path, "numpy")(np.ones(3))
        [array([2., 2., 2.])]
    """
    from safetensors import safe_open

    from gpubp.compiler.encoding import decode

    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        constants = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    if "gpubp" not in metadata:
        raise errors.ArgumentError(
            f"load: {path} holds arrays but no program; give a file that plan.save wrote"
        )
    structure = json.loads(metadata["gpubp"])
    backend = get_backend(backend)
    device = backend.devices()[0] if backend.device is None else backend.device
    arrays = [constants[str(number)] for number in range(len(constants))]
    program = decode(structure["program"], namespace_for(backend, device), arrays)
    return Plan(program, structure["donated"])


def _home(program: Program) -> tuple[Backend, Any]:
    """The backend of a program's values, and the device of the first."""
    values = (
        *program.inputs,
        *program.constants,
        *(y for o in program.operations for y in o.results),
    )
    first = next((v.namespace for v in values), None)
    return (get_backend(), None) if first is None else (first.backend, first.device)
