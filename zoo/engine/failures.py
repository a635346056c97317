"""How training ends badly."""


class Diverged(RuntimeError):
    """Training has gone where it does not come back from."""


class NotFinite(Diverged):
    """A loss or a weight became infinite or not a number."""
