"""Sparse Jacobians on the host: which columns or rows can share a pass, and the way back.

Columns without a common row are told apart after one pass through all of them. Which ones may go
together is a colouring of the graph that joins columns with a common row (A. R. Curtis, M. J. D.
Powell and J. K. Reid, "On the estimation of sparse Jacobian matrices", IMA J. Appl. Math. 13
(1974); A. H. Gebremedhin, F. Manne and A. Pothen, "What color is your Jacobian?", SIAM Review 47
(2005)). SciPy holds the matrices; rustworkx colours: of the packages that do it, it took the
fewest colours on banded, grid and random patterns (DSATUR), in a tenth of networkx's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gpubp.errors import ArgumentError, ArgumentTypeError, MissingPackageError

try:
    import rustworkx
    from scipy import sparse
except ImportError as error:
    raise MissingPackageError(
        f"jacobian: sparsity= needs {error.name}: pip install 'gpubp[sparse]'"
    ) from error

Mode = Literal["fwd", "rev"]


@dataclass(frozen=True, eq=False)
class Compression:
    """How the Jacobians of one pattern are found from a few passes.

    Attributes:
        pattern: the pattern as a SciPy CSR array or matrix, of which results have the class.
        mode: ``"fwd"`` if the passes are JVPs, ``"rev"`` if they are VJPs.
        colours: the pass that each column (``"fwd"``) or row (``"rev"``) takes part in.
        count: the number of passes.
    """

    pattern: Any
    mode: Mode
    colours: np.ndarray
    count: int

    def expand(self, passes: np.ndarray) -> Any:
        """The Jacobian, given one row for each pass: its tangents or cotangents, flattened.

        Raises:
            ArgumentError: if a pass has a value where the pattern leaves none for it.
        """
        entries = self.pattern.tocoo()
        along, across = entries.col, entries.row
        if self.mode == "rev":
            along, across = across, along
        where = self.colours[along], across
        self._require_zero_elsewhere(passes, where)
        found = passes[where], self.pattern.indices, self.pattern.indptr
        return type(self.pattern)(found, shape=self.pattern.shape)

    def _require_zero_elsewhere(self, passes: np.ndarray, where: Any) -> None:
        """What a missing entry leaves behind, unless another column of its colour hides it."""
        size = np.abs(passes)
        largest = np.max(size, initial=0.0, where=np.isfinite(size))
        size[where] = 0
        # Terms that cancel leave rounding errors; NaN says nothing about the pattern.
        beyond = np.argwhere(size > np.sqrt(np.finfo(size.dtype).eps) * largest)
        if not len(beyond):
            return
        colour, place = beyond[0]
        line, others = ("row", "columns") if self.mode == "fwd" else ("column", "rows")
        members = np.flatnonzero(self.colours == colour)
        shown = ", ".join(map(str, members[:5])) + (", ..." if len(members) > 5 else "")
        raise ArgumentError(
            f"jacobian: sparsity lacks an entry: {line} {place} depends on one of the {others} "
            f"{shown}, where the pattern has none; add it, or leave sparsity out to see the whole"
        )


def compress(pattern: Any, mode: str = "auto") -> Compression:
    """The passes for one pattern: JVPs of coloured columns or VJPs of coloured rows.

    Args:
        pattern: SciPy sparse matrix or array, whose stored entries count, or a host array, whose
            nonzero ones do; of shape (size of the result, size of the argument).
        mode: ``"fwd"``, ``"rev"``, or ``"auto"`` for the one with fewer passes.

    Raises:
        ArgumentTypeError: if ``pattern`` is no such thing.
        ArgumentError: if it has not two axes.

    Examples:
        >>> found = compress(np.asarray([[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 1]]))
        >>> found.mode, found.colours, found.count
        ('rev', array([0, 1, 1]), 2)
    """
    csr = _csr(pattern)
    # A line's entries all need passes of their own, so that the densest line is a lower bound.
    forward, reverse = _densest(csr), _densest(csr.T.tocsr())
    if mode == "fwd" or (mode == "auto" and forward <= reverse):
        found = _coloured(csr, "fwd")
        if mode == "fwd" or found.count <= reverse:
            return found
        other = _coloured(csr, "rev")
    else:
        found = _coloured(csr, "rev")
        if mode == "rev" or found.count <= forward:
            return found
        other = _coloured(csr, "fwd")
    return min(found, other, key=lambda compression: compression.count)


def _csr(pattern: Any) -> Any:
    if sparse.issparse(pattern):
        csr = pattern.tocsr(copy=True)
    else:
        try:
            dense = np.asarray(pattern)
        except (TypeError, ValueError) as error:
            raise ArgumentTypeError(
                f"jacobian: sparsity is a {type(pattern).__name__}; give a SciPy sparse matrix "
                f"or a boolean array on the host ({error})"
            ) from error
        if dense.dtype.kind not in "biuf":
            raise ArgumentTypeError(
                f"jacobian: sparsity is a {type(pattern).__name__}, an array of {dense.dtype}; "
                "give a SciPy sparse matrix or a boolean array on the host"
            )
        if dense.ndim != 2:
            raise ArgumentError(
                f"jacobian: sparsity has shape {dense.shape}; give (size of the result, size of "
                "the argument)"
            )
        csr = sparse.csr_array(dense != 0)
    csr.data = np.ones(len(csr.data))
    csr.sum_duplicates()
    return csr


def _densest(csr: Any) -> int:
    return int(np.diff(csr.indptr).max(initial=0))


def _coloured(csr: Any, mode: Mode) -> Compression:
    """The columns (or the rows) in as few groups as a greedy colouring finds."""
    rows = csr if mode == "fwd" else csr.T.tocsr()
    size = rows.shape[1]
    if _densest(rows) == size:  # the complete graph, which a row that has all columns makes
        return Compression(csr, mode, np.arange(size), size)
    common = sparse.triu(rows.T @ rows, k=1, format="coo")
    graph = rustworkx.PyGraph(multigraph=True)  # true of no pair, and spares looking for it
    graph.add_nodes_from(range(size))
    graph.extend_from_edge_list(list(zip(common.row.tolist(), common.col.tolist(), strict=True)))
    found = rustworkx.graph_greedy_color(graph, strategy=rustworkx.ColoringStrategy.Saturation)
    colours = np.fromiter((found[i] for i in range(size)), dtype=np.int64, count=size)
    return Compression(csr, mode, colours, int(colours.max(initial=-1)) + 1)
