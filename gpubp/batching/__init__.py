"""Batches: gradients for each example, chunks that fit the device, routes of matrix products."""
