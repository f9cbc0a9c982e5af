"""See inside: intermediate values with their derivatives, as tables and as pictures."""

from gpubp.inspect.layers import Layer, Layers, layers
from gpubp.inspect.steps import Local, Step
from gpubp.inspect.table import Table, table

__all__ = ["Layer", "Layers", "Local", "Step", "Table", "layers", "table"]
