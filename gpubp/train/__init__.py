"""Training a classifier end to end: ``gpubp train`` and ``gpubp predict``, and their networks.

The command line is the way in; what it has trained, ``load_trained`` gives to Python.
"""

from gpubp.train.config import Config
from gpubp.train.trained import Predictions, Trained, load_trained

__all__ = ["Config", "Predictions", "Trained", "load_trained"]
