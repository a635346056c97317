"""A window in the browser onto trained models: `zoo explore CKPT`. What it shows is computed in `playing`."""
