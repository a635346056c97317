"""Ranges of what a user may give, and their check: the same for recipes, options and constructors; and the bar that
tells how long a command still takes.

Outsiders take the numbers of `ranges`, `Checked` of `checked`, `track` of `bar`, and the checks of `folders` and
`heeded`.
"""
