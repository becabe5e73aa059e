"""Cutouts and point-source fits with local sky, chunk by chunk, and all filters side by side."""
