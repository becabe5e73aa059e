"""Luminosity function, colours and distribution of the clusters of a field."""
