"""A large simulated field for measurements of scale: written by bands of rows, so that memory stays small.

Noise with the correlation of drop and pixel, stars and star clusters at known positions; no galaxies and no exposures,
since what is measured is time and memory. Positions lie on sixteenths of a pixel, so that one library of shifted PSFs
serves all sources.
"""

import argparse
import csv
import os
from pathlib import Path

import numpy as np
from scipy import signal

SHORT, LONG = ("F090W", "F150W", "F200W"), ("F277W", "F356W", "F444W")
UNIT_NJY = 10.0
BAND_ROWS = 512
STEPS = 8
"""Positions per pixel of the short channel and axis."""

CENTER_DEG = (110.83, -73.45)
TABLE1 = Path(__file__).resolve().parents[2] / "resources" / "faisst2022" / "table1.csv"
STAMP_ARCSEC = {"cluster": 1.6, "star": 4.0}


def draw_sources(n_clusters, n_pixels, seed, n_stars=250):
    """Positions in short-channel pixels and fluxes in nJy of clusters, then stars.

    Returns
    -------
    x, y : (n,) float ndarray
    flux : dict of str to (n,) float ndarray
    """
    from clusterphot.base.user_tables import read_photometry

    rng = np.random.default_rng(seed)
    _, filters, published, *_ = read_photometry(str(TABLE1), "table 1")
    edge = 200 * STEPS
    x, y = (rng.integers(edge, n_pixels * STEPS - edge, n_clusters + n_stars) / STEPS for _ in "xy")
    rows = np.maximum(published, 1.0)[rng.integers(len(published), size=n_clusters)]
    mag = np.concatenate([rng.uniform(25.0, 27.0, n_stars * 4 // 5), rng.uniform(19.0, 25.0, n_stars // 5)])
    star = np.repeat(10 ** (-0.4 * (mag - 31.4))[:, None], len(filters), axis=1)
    flux = np.concatenate([rows, star[: len(x) - n_clusters]])
    return x, y, {filt: flux[:, band] for band, filt in enumerate(filters)}


def write_field(folder, *, n_clusters, n_pixels=24000, seed=1):
    """Write mosaics, weights, sources.csv and field.yaml.

    Parameters
    ----------
    folder : Path
    n_clusters : int
    n_pixels : int
        Side of the mosaics of the short channel, even; those of the long one have half as many.
    seed : int
    """
    from astropy.wcs import WCS

    folder.mkdir(parents=True, exist_ok=True)
    x, y, flux = draw_sources(n_clusters, n_pixels, seed)
    for filt in SHORT + LONG:
        scale = 0.02 if filt in SHORT else 0.04
        size = n_pixels if filt in SHORT else n_pixels // 2
        header = tan_header(size, scale)
        own = (x, y) if filt in SHORT else ((x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5)
        sigma = _write_image(
            folder / f"{filt}_sci.fits", header, filt, scale, own, flux[filt], n_clusters, seed
        )
        _write_weight(folder / f"{filt}_wht.fits", header, (UNIT_NJY / sigma) ** 2)
    ra, dec = WCS(tan_header(n_pixels, 0.02)).pixel_to_world_values(x[:n_clusters], y[:n_clusters])
    with open(folder / "sources.csv", "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["id", "ra", "dec"])
        table.writerows(
            [f"s{n:06d}", f"{a:.8f}", f"{d:.8f}"] for n, (a, d) in enumerate(zip(ra, dec, strict=True))
        )
    mosaics = "".join(f"      {f}: {{sci: {f}_sci.fits, wht: {f}_wht.fits}}\n" for f in SHORT + LONG)
    (folder / "field.yaml").write_text(
        "fields:\n  large:\n    redshift: 0.39\n    ebv: 0.18\n    sources: sources.csv\n"
        f"    reference_filter: F200W\n    mosaics:\n{mosaics}",
        encoding="utf-8",
    )


def tan_header(size, scale_arcsec):
    """Header of a square image, north up, with the centre of the field in its middle."""
    from astropy.io import fits
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
    wcs.wcs.crval, wcs.wcs.crpix = CENTER_DEG, [(size + 1) / 2] * 2
    wcs.wcs.cdelt = [-scale_arcsec / 3600, scale_arcsec / 3600]
    header = fits.Header(
        [("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", size), ("NAXIS2", size)]
    )
    header.extend(wcs.to_header())
    return header


def _write_image(path, header, filt, scale_arcsec, place, flux, n_clusters, seed):
    """Write noise and sources by bands of rows; scatter of a pixel in nJy."""
    from clusterphot.optics.psf import moved, oversampled_psf
    from clusterphot.simulate.images import noise_kernel, white_sigma
    from clusterphot.simulate.truth import FieldConfig

    config = FieldConfig(seed=seed, size_arcsec=40.0)
    oversampled = oversampled_psf(filt, config=config.optics())
    sigma, kernel = white_sigma(oversampled, config), noise_kernel(config, filt).astype(np.float32)
    stamps = {
        kind: oversampled.to_psf(int(side / scale_arcsec) | 1).data for kind, side in STAMP_ARCSEC.items()
    }
    size, shifted = header["NAXIS1"], {}
    x, y = place
    left, low = np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)
    rng = np.random.default_rng([seed, int(filt[1:4])])
    order = np.argsort(low)
    with open(path, "wb") as file:
        header = header.copy()
        header["BUNIT"], header["FILTER"] = "10.0*nanoJansky", filt
        file.write(header.tostring().encode("ascii"))
        for y0 in range(0, size, BAND_ROWS):
            rows = min(BAND_ROWS, size - y0)
            pad = len(kernel) // 2
            band = rng.standard_normal((rows + 2 * pad, size + 2 * pad), dtype=np.float32)
            band = signal.oaconvolve(band, kernel * np.float32(sigma), mode="valid").astype(np.float32)
            reach = max(len(stamp) for stamp in stamps.values())
            for i in order[
                np.searchsorted(low[order], y0 - reach) : np.searchsorted(low[order], y0 + rows + reach)
            ]:
                kind = "cluster" if i < n_clusters else "star"
                key = (kind, x[i] - left[i], y[i] - low[i])
                if key not in shifted:
                    shifted[key] = moved(stamps[kind], key[1], key[2]).astype(np.float32)
                _add(band, shifted[key], left[i], low[i] - y0, np.float32(flux[i]))
            file.write((band / np.float32(UNIT_NJY)).astype(">f4").tobytes())
        file.truncate(-(-file.tell() // 2880) * 2880)
    return sigma * float(np.sqrt((kernel.astype(float) ** 2).sum()))


def _add(band, stamp, x, y, flux):
    """Add a stamp centred on pixel (x, y) where it overlaps the band."""
    half = len(stamp) // 2
    ya, yb = max(y - half, 0), min(y + half + 1, len(band))
    xa, xb = max(x - half, 0), min(x + half + 1, band.shape[1])
    if ya < yb and xa < xb:
        band[ya:yb, xa:xb] += flux * stamp[ya - y + half : yb - y + half, xa - x + half : xb - x + half]


def _write_weight(path, header, weight):
    """Write a constant weight as bytes of zero, on disk a hole, and BZERO."""
    header = header.copy()
    header["BITPIX"], header["BSCALE"], header["BZERO"] = 8, 1.0, float(weight)
    text = header.tostring().encode("ascii")
    path.write_bytes(text)
    os.truncate(path, len(text) + -(-header["NAXIS1"] * header["NAXIS2"] // 2880) * 2880)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clusters", type=int, default=10000)
    parser.add_argument("--pixels", type=int, default=24000)
    arguments = parser.parse_args()
    write_field(arguments.folder, n_clusters=arguments.clusters, n_pixels=arguments.pixels)
