"""The verbs of `zoo`, thin."""
