"""Laboratories: small experiments in which theory can be seen."""
