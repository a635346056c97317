"""Tensors in, pictures out: grids, sheets, walks, interpolations, plots."""
