"""Laboratories on problems small enough to see: what a training method does, in seconds."""
