"""Images in, numbers out: features, metrics, protocols and references.

One pass over features gives every metric (`evaluate.evaluate`); reference features are cached.
"""
