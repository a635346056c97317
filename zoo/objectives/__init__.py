"""Losses, penalties and divergences: functions of tensors, without weights."""
