"""Time and memory of the target candidates on a large field in three filters (`make bench-detection-scale`).

The field is a mosaic of copies of a simulated cluster core, cross-faded at their seams, with fresh noise: as crowded as
a core everywhere. Prints wall time, and CPU time and largest memory of every rule.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
from scipy import signal

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))

from bench_scale import rules_of  # noqa: E402
from simulated_field import FILTERS, REFERENCE, draw_truth, run_workflow  # noqa: E402

TILE_ARCSEC, FADE_ARCSEC = 40.0, 2.0
UNIT_NJY = 10.0
BAND_ROWS = 1000
CENTER_DEG = (110.83, -73.45)


def write_large(folder, n_pixels, seed):
    """Write mosaics, weights and field.yaml.

    Parameters
    ----------
    folder : Path
    n_pixels : int
        Side in the short channel, even.
    seed : int
    """
    from clusterphot.optics.psf import oversampled_psf
    from clusterphot.simulate import images

    folder.mkdir(parents=True, exist_ok=True)
    truth = draw_truth(
        seed, filters=FILTERS, noise="drizzle", size_arcsec=TILE_ARCSEC + FADE_ARCSEC, wcs_offset_px=0.3
    )
    config = images.scene.config_of(truth)
    for filt in FILTERS:
        psf = oversampled_psf(filt, config.optics())
        scale = psf.pixel_scale_arcsec
        n = n_pixels if scale < 0.03 else n_pixels // 2
        tile = images.render(truth, filt, psf, config)
        fade = round(FADE_ARCSEC / scale)
        sigma, kernel = images.white_sigma(psf, config), images.noise_kernel(config, filt)
        rng = np.random.default_rng([seed, len(kernel), int(filt[1:4])])
        _write_rows(
            folder / f"{filt}_sci.fits", _header(n, scale, filt), _rows(tile, fade, n, sigma, kernel, rng)
        )
        weight = np.float32(UNIT_NJY**2 / (sigma**2 * float((kernel**2).sum())))
        blocks = (np.full((min(BAND_ROWS, n - y), n), weight) for y in range(0, n, BAND_ROWS))
        _write_rows(folder / f"{filt}_wht.fits", _header(n, scale, filt), blocks)
    mosaics = "".join(f"      {f}: {{sci: {f}_sci.fits, wht: {f}_wht.fits}}\n" for f in FILTERS)
    (folder / "field.yaml").write_text(
        "fields:\n  drawn:\n    redshift: 0.39\n    ebv: 0.18\n    sources: detect\n"
        f"    reference_filter: {REFERENCE}\n    mosaics:\n{mosaics}",
        encoding="utf-8",
    )


def _rows(tile, fade, n, sigma, kernel, rng):
    """Bands of rows of the large image: copies of a tile cross-faded over ``fade`` pixels, and noise."""
    step = len(tile) - fade
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / fade
    # One period: the last pixels of a copy fade into the first ones of the next.
    period = tile[:step].copy()
    period[:fade] = period[:fade] * ramp[:, None] + tile[step:] * (1 - ramp)[:, None]
    whole = period[:, :step].copy()
    whole[:, :fade] = whole[:, :fade] * ramp + period[:, step:] * (1 - ramp)
    columns = np.arange(n) % step
    pad = len(kernel) // 2
    for y in range(0, n, BAND_ROWS):
        rows = np.arange(y, min(y + BAND_ROWS, n))
        noise = rng.standard_normal((len(rows) + 2 * pad, n + 2 * pad), dtype=np.float32) * np.float32(sigma)
        if pad:
            noise = signal.fftconvolve(noise, kernel.astype(np.float32), mode="valid")
        yield (whole[rows % step][:, columns] + noise) / np.float32(UNIT_NJY)


def _header(n, scale, filt):
    """Header of a square image, north up."""
    from scale_field import tan_header

    header = tan_header(n, scale)
    header["BUNIT"], header["FILTER"] = "10.0*nanoJansky", filt
    return header


def _write_rows(path, header, bands):
    """Write an image band by band."""
    with open(path, "wb") as file:
        file.write(header.tostring().encode("ascii"))
        for band in bands:
            file.write(band.astype(">f4").tobytes())
        file.truncate(-(-file.tell() // 2880) * 2880)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder; 5 GB for 10,000 pixels")
    parser.add_argument("--pixels", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=921)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--only-write", action="store_true", help="make the field and stop")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if not (folder / "field.yaml").exists():
        write_large(folder, arguments.pixels, arguments.seed)
    if arguments.only_write:
        return
    start = time.perf_counter()
    run_workflow(folder, "candidates", cores=arguments.cores)
    wall = time.perf_counter() - start
    print(
        f"{arguments.pixels} x {arguments.pixels} pixels, {len(FILTERS)} filters, {arguments.cores} cores: {wall:.0f} s"
    )
    rules = rules_of(folder)
    for name, rule in sorted(rules.items(), key=lambda item: -item[1]["cpu_s"]):
        print(
            f"{name:24s} {rule['n_jobs']:3d} jobs {rule['cpu_s']:7.0f} s CPU {rule['wall_s']:7.0f} s "
            f"{rule['memory_mb']:6.0f} MB"
        )
    print(f"largest process {max(rule['memory_mb'] for rule in rules.values()):.0f} MB")


if __name__ == "__main__":
    main()
