"""Completeness of a search by artificial clusters: injection, logistic fit in magnitude and noise, closure."""
