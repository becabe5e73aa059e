"""Piff's part of `make bench-psf`, run by the Python that has Piff: fit stars, or draw PSFs at places.

psf_piff.py fit stars.npz piff.out
psf_piff.py draw piff.out places.npz psf.npz
"""

import sys

import galsim
import numpy as np
import piff


def fit(given, out):
    """Fit a grid of samples that change over the field."""
    part = np.load(given)
    scale, half = float(part["scale"]), part["data"].shape[-1] // 2
    wcs = galsim.PixelScale(scale)
    stars = []
    for data, weight, (x, y) in zip(part["data"], part["weight"], part["place"], strict=True):
        corner = galsim.PositionI(round(x) - half, round(y) - half)
        image, weight = (
            galsim.Image(np.ascontiguousarray(values, dtype=float), xmin=corner.x, ymin=corner.y, wcs=wcs)
            for values in (data, weight)
        )
        stars.append(piff.Star(piff.StarData(image, galsim.PositionD(x, y), weight=weight), None))
    model = piff.PixelGrid(scale, int(part["size"]), centered=bool(part["centered"]))
    psf = piff.SimplePSF(model, piff.BasisPolynomial(int(part["order"])))
    psf.fit(stars, {0: wcs}, None)
    psf.write(str(out))


def draw(model, given, out):
    """Draw PSFs, each in the middle of its stamp."""
    part = np.load(given)
    psf = piff.read(str(model))
    psfs = [
        psf.draw(round(x), round(y), chipnum=0, center=True, stamp_size=int(part["side"])).array
        for x, y in part["places"]
    ]
    np.savez(out, psfs=np.array(psfs))


if __name__ == "__main__":
    {"fit": fit, "draw": draw}[sys.argv[1]](*sys.argv[2:])
