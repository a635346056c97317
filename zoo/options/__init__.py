"""Ranges of what a user may give, and their check: the same for recipes, options and constructors.

Outsiders take the numbers of `ranges` and `Checked` of `checked`.
"""
