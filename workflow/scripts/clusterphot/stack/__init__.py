"""Stacks of the sources of a field, aligned to a fraction of a pixel and fitted as point sources."""
