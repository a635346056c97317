"""Names and formats of the official codes: their parameters' names mapped to ours."""
