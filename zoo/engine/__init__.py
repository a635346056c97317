"""What every paper is made of.

The base class, the average of G, latents, optimizers, schedules, and the callbacks a paper may ask for.
"""
