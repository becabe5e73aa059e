"""Error of fluxes by dither phase against drizzled stars: formula, and pulls of bright sources, as tables of Markdown.

`make bench-phase` (some twenty minutes on one core) prints what docs/errors.md quotes. The first table takes stars on
dithers at random, each by itself (`drizzled_stars`); the second whole fields of the simulator of exposures, whose stars
share their dithers, with the table of the exposures (``*_wcs.csv``) and without.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from clusterphot.base.products import Mosaic, Noise
from clusterphot.measure.cutouts import make_cutouts
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.mosaics.wcs_table import read_wcs_table, sightings
from clusterphot.optics.bands import channel
from clusterphot.optics.detector import NATIVE_PIXEL_ARCSEC
from clusterphot.optics.pupil import pupil
from clusterphot.psf.noise import measure_noise
from clusterphot.psf.phase import phase_errors, phase_harmonics, single_exposure_variance
from clusterphot.simulate import truth as scene
from clusterphot.simulate.depth import point_source_sigma
from clusterphot.simulate.drizzled import drizzle_filter, mosaic_psf
from clusterphot.simulate.exposures import exposure_headers
from clusterphot.simulate.files import write_exposures
from drizzled_stars import Camera

FILTERS = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
ANGLES_DEG = (0.0, 20.0, 45.0)
NUMBERS = (4, 9, 18)
N_PLACES, N_EXPOSURES = 80, 36

SIDE, STEP_ARCSEC, FIELD_ARCSEC = 19, 1.7, 34.0
"""Stars of a field, a grid of 361; those next to each other are seen in each other's wings only."""

SNR = (30.0, 300.0)
CLIP_SIGMA = 4.0
CASES = {
    "all pixels": {"gap_arcsec": 0.0, "n_partial": 0, "bad_pixel_share": 0.0, "cosmic_ray_share": 0.0},
    "all": {},
}
"""Options of the simulator: every pixel good, or with bad pixels, cosmic rays, a gap and steps of depth."""


# ---- formula ----------------------------------------------------------------------------------------------------


def compare_formula(filter_name, angle_deg, rng):
    """Scatter of noiseless stars fitted with their mean PSF, and that computed, for sums of `NUMBERS` of exposures."""
    camera = Camera(filter_name, angle_deg)
    psf = camera.psf(101 if camera.scale < 0.03 else 51)
    variance = single_exposure_variance(phase_harmonics(psf, camera.native, 0.75), angle_deg)
    found = {n: [] for n in NUMBERS}
    for _ in range(N_PLACES):
        offset = rng.uniform(-0.5, 0.5, 2)
        images, weights = camera.drizzled(offset, rng.uniform(-0.5, 0.5, (N_EXPOSURES, 2)))
        for n in NUMBERS:
            groups, m = N_EXPOSURES // n, camera.size_px
            total, weight = (part.reshape(groups, n, m, m).sum(axis=1) for part in (images, weights))
            found[n] += list(flux_of(psf, total / weight, weight, offset))
    return {n: (np.std(values), np.sqrt(variance / n)) for n, values in found.items()}


def flux_of(psf, data, weights, offset):
    """Fluxes of the weighted linear fit with PSF and quadratic sky at a known place."""
    from clusterphot.measure.linear import SkyTerms, normal_equations, solve
    from clusterphot.measure.rendering import PsfRenderer

    n, m = len(data), data.shape[-1]
    places = [np.full(n, m // 2 + d) for d in offset]
    image = PsfRenderer(psf.data * psf.ee_stamp, m).render(*places).reshape(n, 1, -1)
    weights = weights.reshape(n, -1)
    equations = normal_equations(
        image, image * weights[:, None], SkyTerms("quadratic", m), data.reshape(n, -1), weights
    )
    return solve(equations)[0][:, 0]


def formula_table(filters):
    """The first table."""
    print("| filter | angle | " + " | ".join(f"{n} exposures | formula, ratio" for n in NUMBERS) + " |")
    print("|" + "---|" * (2 + 2 * len(NUMBERS)))
    for filter_name in filters:
        for angle in ANGLES_DEG:
            rows = compare_formula(filter_name, angle, np.random.default_rng(1))
            cells = [f"{100 * a:.2f} % | {100 * b:.2f} %, {a / b:.2f}" for a, b in rows.values()]
            print(f"| {filter_name} | {angle:.0f} | " + " | ".join(cells) + " |", flush=True)


# ---- pulls ------------------------------------------------------------------------------------------------------


def make_field(seed, angle_deg, noise, case):
    """Truth of a grid of stars, of signal to noise `SNR` in every filter."""
    exposures = {"zero_point_scatter": 0.0, "fwhm_variation": 0.0, "position_angle_deg": angle_deg} | CASES[
        case
    ]
    config = scene.FieldConfig(
        size_arcsec=FIELD_ARCSEC, filters=FILTERS, seed=seed, noise=noise, halo=1e-9, n_members=0, n_stars=2,
        n_bright_stars=0, galaxies_per_arcsec2=0, n_clusters=1, draw_clusters=True, wcs_offset_px=0.0, ebv=0.0,
        exposures=exposures,
    )  # fmt: skip
    drawn = scene.draw_scene(config, Table({"id": ["a"]} | {f"flux_{filt}": [1.0] for filt in FILTERS}))
    star = np.flatnonzero(drawn["kind"] == "star")[:1]
    n, rng = SIDE**2, np.random.default_rng(seed)
    truth = Table(drawn[np.repeat(star, n)], meta=drawn.meta)
    knots = (np.arange(SIDE) - SIDE // 2) * STEP_ARCSEC
    truth["id"] = [f"s{i}" for i in range(n)]
    truth["u"] = np.repeat(knots, SIDE) + rng.uniform(-0.1, 0.1, n)
    truth["v"] = np.tile(knots, SIDE) + rng.uniform(-0.1, 0.1, n)
    significance = np.exp(rng.uniform(*np.log(SNR), n))
    for filt in FILTERS:
        middle = (scene.size_px(config, filt) - 1) / 2
        for name, along in (("x", "u"), ("y", "v")):
            truth[f"{name}_{filt}"] = truth[along] / scene.pixel_scale_arcsec(filt) + middle
        truth[f"flux_{filt}"] = significance * point_source_sigma(filt)
    return truth, config


def measure(truth, config, filt, telescope, reference):
    """Fits of all stars of a filter, and the errors by phase from the table of exposures and from their number."""
    image = drizzle_filter(truth, filt, telescope=telescope)
    psf, noiseless = mosaic_psf(image), config.noise == "none"
    mosaic = Mosaic(image.sci, image.wht, image.wcs, image.pixel_scale_arcsec, filt, "bench")
    ra, dec = image.wcs.all_pix2world(truth[f"x_{filt}"], truth[f"y_{filt}"], 0)
    cutouts = make_cutouts(
        mosaic,
        [
            {"id": str(name), "ra": a, "dec": d, "neighbours": []}
            for name, a, d in zip(truth["id"], ra, dec, strict=True)
        ],
    )
    gain = None if noiseless else config.exposures.gain_e_per_njy
    cutouts = dataclasses.replace(cutouts, gain_e_per_njy=gain)
    noise = Noise(np.pad([[1.0]], 8), 1.0, filt) if noiseless else measure_noise(mosaic)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "wcs.csv")
        write_exposures(path, exposure_headers(config, filt), filt)
        seen = sightings(read_wcs_table(path), image.wcs, cutouts.x, cutouts.y)
    harmonics = phase_harmonics(psf, NATIVE_PIXEL_ARCSEC[channel(filt)], config.exposures.pixfrac)
    by_table, number = phase_errors(harmonics, seen, len(cutouts.ids))
    by_table = np.nan_to_num(by_table)
    by_number = np.sqrt(
        single_exposure_variance(harmonics, config.exposures.position_angle_deg) / np.maximum(number, 1)
    )
    fits = fit_sources(
        cutouts, psf, noise, image.wcs, FitOptions(), reference=reference, phase_error=by_table
    )
    return fits, by_table, by_number


def pulls(seed, angle_deg, noise, case, filters=FILTERS):
    """Pulls of each filter: with the error of the table, of the number of exposures, and without either.

    ``filters`` has the reference filter, whose positions the others take.
    """
    truth, config = make_field(seed, angle_deg, noise, case)
    telescope, reference, found = pupil(config.optics()), None, {}
    for filt in sorted(filters, key=lambda name: name != config.reference_filter):
        fits, by_table, by_number = measure(truth, config, filt, telescope, reference)
        reference = fits if reference is None else reference
        fits = fits[fits["is_target"]]
        flux, true = np.asarray(fits[f"flux_{filt}"]), np.asarray(truth[f"flux_{filt}"])
        error, phase = (np.asarray(fits[f"{name}_{filt}"]) for name in ("flux_err", "flux_err_phase"))
        good = np.asarray(fits[f"flags_{filt}"]) == 0
        plain = np.sqrt(error**2 - phase**2)
        if noise == "none":
            plain = np.full_like(plain, 1e-9)
        off = flux - true
        found[filt] = [off / np.hypot(plain, share * np.abs(flux)) for share in (by_table, by_number)]
        found[filt] += [off / plain, 100 * off / true, 100 * by_table]
        found[filt] = np.array(found[filt])[:, good]
    return found


def clipped_rms(values):
    """Scatter about the mean of what lies within `CLIP_SIGMA` of it."""
    keep = np.ones(len(values), dtype=bool)
    for _ in range(10):
        mean, sigma = values[keep].mean(), values[keep].std()
        keep = np.abs(values - mean) < CLIP_SIGMA * sigma
    return values[keep].std()


def pull_table(seeds, angle_deg, noise, case):
    """Rows of the second table: clipped rms, the root mean square over the seeds, and their range."""
    fields = [pulls(seed, angle_deg, noise, case) for seed in seeds]
    for filt in FILTERS:
        each = np.array([[clipped_rms(row) for row in field[filt]] for field in fields])
        rms = np.sqrt(np.mean(each**2, axis=0))
        term = np.sqrt(np.mean(np.concatenate([field[filt][4] for field in fields]) ** 2))
        n = sum(field[filt].shape[1] for field in fields)
        table, number = (f"{rms[k]:.2f} ({each[:, k].min():.2f}-{each[:, k].max():.2f})" for k in (0, 1))
        without = "" if noise == "none" else f"{rms[2]:.2f}"
        cells = (f"{case}, {noise}", f"{angle_deg:.0f}", filt, n, f"{rms[3]:.2f} %", f"{term:.2f} %")
        print("|", " | ".join(map(str, [*cells, table, number, without])), "|", flush=True)


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("formula", "pulls"))
    options = parser.parse_args()
    if options.only != "pulls":
        formula_table(FILTERS)
    if options.only != "formula":
        print(
            "\n| field | angle | filter | stars | scatter | term | pulls, table | pulls, number | without |"
        )
        print("|" + "---|" * 9)
        for angle, noise, case in (
            (0.0, "none", "all pixels"), (0.0, "drizzle", "all pixels"), (25.0, "none", "all pixels"),
            (25.0, "drizzle", "all pixels"), (25.0, "drizzle", "all"),
        ):  # fmt: skip
            pull_table(range(1, 1 + options.seeds), angle, noise, case)


if __name__ == "__main__":
    main()
