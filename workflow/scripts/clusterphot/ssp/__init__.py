"""Simple stellar populations: the grid object, its files, its fluxes through filters, and readers of libraries."""
