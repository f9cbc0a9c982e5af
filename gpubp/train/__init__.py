"""Training a classifier end to end: what ``gpubp train`` and ``gpubp predict`` do."""
