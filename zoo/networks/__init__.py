"""The papers' networks: plain modules, `G(z, label) -> images`, `D(x, label) -> logits`."""
