"""Figures for papers: one module per family, one style for all; each function returns a matplotlib Figure."""
