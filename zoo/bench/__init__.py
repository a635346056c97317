"""Measurements: one module a command of `zoo bench`."""
