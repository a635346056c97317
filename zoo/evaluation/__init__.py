"""Scoring: one pass over features gives every metric; reference features are cached; each result is one row.

`evaluate.evaluate` scores a model against a data set, `callback.Evaluate` does so during training,
`results` writes and reads the rows, and `zoo.leaderboard` renders them.
"""
