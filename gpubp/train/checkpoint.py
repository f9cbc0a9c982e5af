"""Everything that a run needs to go on, in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gpubp.core import tree
from gpubp.core.backend import Backend
from gpubp.errors import RunError
from gpubp.train.atomic import write_atomically

FORMAT = "gpubp-run-1"


@dataclass(frozen=True)
class Checkpoint:
    """Arrays by name, with the facts (as JSON has them) that give them their meaning.

    ``path`` is the file that errors name.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    path: Path

    def tree(self, prefix: str, like: Any, backend: Backend) -> Any:
        """The tree that ``pack`` took apart, in the structure, dtypes and place of ``like``.

        Raises RunError for an array that is missing, left over, or of another shape or dtype.
        """
        leaves, structure = tree.flatten(like)
        names = [prefix + path for path in tree.paths(like)]
        left_over = [
            name for name in self.arrays if _within(name, prefix) and name not in set(names)
        ]
        if left_over:
            raise RunError(f"{self.path}: unexpected array '{left_over[0]}'")
        restored = [
            self._leaf(name, leaf, backend) for name, leaf in zip(names, leaves, strict=True)
        ]
        return tree.unflatten(structure, restored)

    def _leaf(self, name: str, like: Any, backend: Backend) -> Any:
        value = self.array(name)
        if isinstance(like, int | float):  # a counter or a rate that is no array
            return type(like)(value)
        expected = backend.to_numpy(like)
        if (value.shape, value.dtype) != (expected.shape, expected.dtype):
            raise RunError(
                f"{self.path}: '{name}' is {value.dtype} of shape {value.shape}, "
                f"not {expected.dtype} of shape {expected.shape}"
            )
        return backend.asarray(value, device=backend.device_of(like))

    def array(self, name: str) -> np.ndarray:
        """The array of that name; RunError where there is none."""
        if name not in self.arrays:
            raise RunError(f"{self.path}: no array '{name}'")
        return self.arrays[name]

    def fact(self, name: str) -> Any:
        """The fact of that name; RunError where there is none."""
        if name not in self.facts:
            raise RunError(f"{self.path}: nothing about '{name}' in its metadata")
        return self.facts[name]


def pack(prefix: str, value: Any, backend: Backend) -> dict[str, np.ndarray]:
    """The leaves of a tree as host arrays, named by their paths, as in model.layers[0].weight."""
    return {
        prefix + path: np.asarray(leaf if isinstance(leaf, int | float) else backend.to_numpy(leaf))
        for path, leaf in zip(tree.paths(value), tree.leaves(value), strict=True)
    }


def write_checkpoint(
    path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]
) -> None:
    """Write the file atomically: a crash leaves the checkpoint that was there before."""
    # safetensors writes the memory as it lies, so views must become arrays of their own.
    contiguous = {name: np.array(array, order="C") for name, array in arrays.items()}
    metadata = {"format": FORMAT, **{name: json.dumps(fact) for name, fact in facts.items()}}
    write_atomically(path, save(contiguous, metadata=metadata))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the file that ``write_checkpoint`` wrote; RunError where it isn't one."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            if metadata.pop("format", None) != FORMAT:
                raise RunError(f"{path}: not a checkpoint of gpubp train (format {FORMAT})")
            # The file is no dict: iterating it is not defined, its keys() are.
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file; is {path.parent} the folder of a run?") from error
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path}: can't be read as safetensors ({error})") from error
    try:
        return Checkpoint(arrays, {n: json.loads(fact) for n, fact in metadata.items()}, path)
    except json.JSONDecodeError as error:
        raise RunError(f"{path}: damaged metadata ({error.msg})") from error


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith((prefix + ".", prefix + "["))
