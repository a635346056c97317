"""One batch over several processes: whose its rows are, and what is computed over all of them.

A training step on W processes is the step of one process on the whole batch, also where the batch does not divide
and where some processes have none of it. `share` says whose rows are whose, `sums` adds over the processes.
"""
