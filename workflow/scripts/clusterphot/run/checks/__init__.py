"""What `make check` looks at before a run: every mistake it can find at once, one line each.

The rules' own checks stop at the first mistake; here they are collected, and a sample of pixels is looked at.
Fluxes nJy, positions deg (ICRS) or 0-based pixels, angles arcsec.
"""
