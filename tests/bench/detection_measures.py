"""What the search of a simulated field missed, mistook and measured, against the truth.

Magnitudes AB in the reference filter, fluxes nJy, light nJy/arcsec2, gradients in sigma of white noise of the field's
depth in a pixel, per 0.2 arcsec.
"""

import dataclasses
import itertools

import numpy as np
from astropy.table import Table, vstack
from scipy.spatial import cKDTree
from simulated_field import REFERENCE, cpu_seconds, true_psfs

MATCH_ARCSEC = 0.06
GALAXY_ARCSEC = 0.2
"""Selected sources this near to the centre of a galaxy of the truth are put down to it."""

WING_ARCSEC, WING_MAG = 3.0, 20.0
"""Those that are no object, but this near to a star brighter than this, are pieces of its wings; the rest is noise."""

KINDS = ("cluster", "star", "galaxy", "wing", "noise")
CONTAMINANTS = ("galaxy", "wing", "noise")
"""What counts against purity."""

MAG_RANGE = (26.0, 30.5)
"""Magnitudes of what is selected: `detection.mag_min` and `mag_max`."""

BRIGHT_MAG = 28.5
FLUX_MAG = (27.5, 28.5)
"""Fluxes at 28 mag: of sources between these."""

GRADIENTS = (0.0, 5.0, 20.0, np.inf)
STEP_ARCSEC = 0.2
FAINT_LIGHT = 4000.0

N_PLACES = 15
"""Of clusters where the true PSF is compared with the measured one."""

LIMIT_BINS = (-np.inf, -0.5, -0.25, 0.0, 0.25)
"""Edges of bins of magnitude less the 50 % limit."""

CORE_ARCSEC = 1.0
"""Of PSFs whose FWHM is measured."""

BESIDE_MAG, BESIDE_ARCSEC = 29.0, (0.15, 0.3, 0.6, np.inf)
"""Distances to the nearest background galaxy by which clusters brighter than this are counted."""

NOISE_QUANTILES = (0.25, 0.5, 0.75)
MAG_QUANTILES = (0.5, 0.75, 0.9)
"""Edges of the bins of closure among the clusters: narrower at the faint end, where clusters are lost."""

N_RESAMPLES = 100
"""Resamplings of the artificial clusters, each with a fit of its own."""

DRAWS_PER_RESAMPLE = 40
"""Drawn sets of detections for each of them: 4000 in all."""


def read(path):
    """A table of the workflow."""
    return Table.read(path, format="ascii.ecsv")


def measure_field(folder):
    """All measures of one field, a plain dictionary.

    Parameters
    ----------
    folder : `pathlib.Path`
        Where `simulated_field.write_field` and `run_workflow` have worked.
    """
    truth = read(folder / "truth.ecsv")
    candidates = read(folder / "results/drawn/candidates.ecsv")
    runs = sorted((folder / "results/drawn/completeness/runs").glob("*.ecsv"))
    injections = vstack([read(path) for path in runs], metadata_conflicts="silent")
    clusters = truth[truth["kind"] == "cluster"]
    gradient = Gradient(truth)
    selected = candidates[np.asarray(candidates["selected"], dtype=bool)]
    row = nearest(selected, clusters, gradient.scale)
    out = {"n_clusters": len(clusters), "n_selected": len(selected)} | present(truth)
    out["pixel_over_white"] = pixel_over_white(folder, truth)
    out |= found_of(clusters, row) | mistaken(selected, truth, row, gradient.scale)
    out["fluxes"] = fluxes(clusters, selected, row, injections, gradient)
    scales = psf_scales(folder, clusters)
    out["psf_scale"], out["psf_scale_scatter"] = float(np.mean(scales)), float(np.std(scales))
    out["beside"] = beside_galaxies(truth, row >= 0, injections, gradient.scale)
    out["closure"] = closure(folder, clusters, row >= 0, injections, candidates, gradient.scale)
    limits = read(folder / f"results/drawn/completeness/{REFERENCE}.ecsv")
    out["mag_50"], out["mag_50_err"] = float(limits["mag_50"][0]), float(limits["mag_50_err"][0])
    out["counted"] = counted_for_missed(injections, out["mag_50"])
    out["method"] = limits.meta["fit"]["method"]
    out["n_injections"], out["injection_cpu_s"] = len(injections), cpu_seconds(folder, "inject_clusters")
    return out | fwhm_spread(truth)


def present(truth):
    """What lies in the field: galaxies per arcsec2, and stars."""
    from clusterphot.simulate import truth as scene

    stars = magnitude(truth[f"flux_{REFERENCE}"][truth["kind"] == "star"])
    return {
        "galaxies_per_arcsec2": float(
            np.sum(truth["kind"] == "galaxy") / scene.config_of(truth).size_arcsec ** 2
        ),
        "n_stars": len(stars),
        "n_stars_in_range": int(((stars > MAG_RANGE[0]) & (stars < MAG_RANGE[1])).sum()),
    }


def pixel_over_white(folder, truth):
    """Scatter of a pixel of blank sky, as the workflow has measured it, over that of white noise of the same depth."""
    from clusterphot.base.products import read_mosaic, read_noise
    from clusterphot.optics import psf as optics
    from clusterphot.simulate import images
    from clusterphot.simulate import truth as scene

    base, config = folder / f"results/drawn/{REFERENCE}", scene.config_of(truth)
    ivar = read_mosaic(str(base / "mosaic.fits")).ivar
    ivar = np.median(ivar[ivar > 0]) * read_noise(str(base / "noise.fits")).ivar_scale
    white = images.white_sigma(optics.oversampled_psf(REFERENCE, config.optics()), config)
    return float(ivar**-0.5 / white)


def magnitude(flux):
    """AB magnitude of positive fluxes."""
    return 31.4 - 2.5 * np.log10(np.asarray(flux, dtype=float))


def positions(truth):
    """Positions of objects of the truth in pixels of the reference filter."""
    return np.stack([truth[f"x_{REFERENCE}"], truth[f"y_{REFERENCE}"]], axis=1)


def pairs_of(table, clusters, scale):
    """Pairs (distance in px, row of the clusters, row of the table) near enough to be one, nearest first."""
    if not len(table) or not len(clusters):
        return []
    here, there = positions(clusters), np.stack([table["x"], table["y"]], axis=1)
    near = cKDTree(here).query_ball_tree(cKDTree(there), MATCH_ARCSEC / scale)
    return sorted((np.hypot(*(here[i] - there[j])), i, j) for i, rows in enumerate(near) for j in rows)


def match(pairs, n_clusters):
    """Row of the table that each cluster is, one to one, of pairs nearest first; -1 where there is none."""
    row, taken = np.full(n_clusters, -1), set()
    for _, i, j in pairs:
        if row[i] < 0 and j not in taken:
            row[i] = j
            taken.add(j)
    return row


def nearest(table, clusters, scale):
    """Row of the table that each cluster is, one to one by distance; -1 where there is none."""
    return match(pairs_of(table, clusters, scale), len(clusters))


def found_of(clusters, row):
    """Numbers of clusters, and of those found: bright ones, and all where galaxies are faint."""
    bright = magnitude(clusters[f"flux_{REFERENCE}"]) < BRIGHT_MAG
    faint_light = np.asarray(clusters[f"sb_{REFERENCE}"]) < FAINT_LIGHT
    out = {}
    for name, rows in (("bright", bright), ("faint_light", faint_light), ("all", np.ones(len(row), bool))):
        out[f"n_{name}"], out[f"found_{name}"] = int(rows.sum()), int((row[rows] >= 0).sum())
    return out


def kinds_of(selected, truth, scale):
    """What each selected source is if it is no cluster: star, galaxy, wing or noise."""
    kind = np.full(len(selected), "noise", dtype="U8")
    if not len(selected):
        return kind
    here = np.stack([selected["x"], selected["y"]], axis=1)
    stars = truth[truth["kind"] == "star"]
    bright = stars[magnitude(stars[f"flux_{REFERENCE}"]) < WING_MAG]
    galaxies = truth[~np.isin(truth["kind"], ("cluster", "star"))]
    for name, part, reach in (
        ("wing", bright, WING_ARCSEC), ("galaxy", galaxies, GALAXY_ARCSEC), ("star", stars, MATCH_ARCSEC),
    ):  # fmt: skip
        if len(part):
            kind[cKDTree(positions(part)).query(here)[0] * scale < reach] = name
    return kind


def mistaken(selected, truth, row, scale):
    """What the selected sources are, to two magnitudes and in all."""
    kind = kinds_of(selected, truth, scale)
    kind[row[row >= 0]] = "cluster"
    mag = np.asarray(selected["mag"])
    return {
        f"kinds_{limit:g}": {name: int(np.sum(kind[mag < limit] == name)) for name in KINDS}
        for limit in (BRIGHT_MAG, 29.0, 99.0)
    }


class Gradient:
    """Gradient of the light of galaxies without noise in the reference filter."""

    def __init__(self, truth):
        from clusterphot.optics import psf as optics
        from clusterphot.simulate import images
        from clusterphot.simulate import truth as scene

        config = scene.config_of(truth)
        psf = optics.oversampled_psf(REFERENCE, config.optics())
        galaxies = truth[~np.isin(truth["kind"], ("cluster", "star"))]
        light = images.render(galaxies, REFERENCE, psf, config)
        self.scale = psf.pixel_scale_arcsec
        along_y, along_x = np.gradient(light)
        unit = STEP_ARCSEC / self.scale / images.white_sigma(psf, config)
        self.image = np.hypot(along_x, along_y) * unit

    def at(self, x, y):
        """Values at pixels (x, y)."""
        ix, iy = (
            np.clip(np.rint(v).astype(int), 0, n - 1)
            for v, n in zip((x, y), self.image.shape[::-1], strict=True)
        )
        return self.image[iy, ix]


def fluxes(clusters, selected, row, injections, gradient):
    """Ratios of measured to true flux near 28 mag by bin of gradient: of clusters, and of artificial ones.

    The artificial ones are drawn with the measured PSF: what they show is the background alone.
    """
    hit = row >= 0
    x, y = positions(clusters[hit]).T
    true = np.asarray(clusters[f"flux_{REFERENCE}"])[hit]
    ratio = np.asarray(selected[f"flux_{REFERENCE}"])[row[hit]] / true
    put = injections[np.asarray(injections["selected"], dtype=bool)]
    put_in = np.asarray(put[f"flux_in_{REFERENCE}"])
    sets = {
        "clusters": (magnitude(true), ratio, gradient.at(x, y)),
        "artificial": (
            magnitude(put_in),
            np.asarray(put[f"flux_{REFERENCE}"]) / put_in,
            gradient.at(put["x"], put["y"]),
        ),
    }
    out = {}
    for name, (mag, value, slope) in sets.items():
        near = (mag > FLUX_MAG[0]) & (mag < FLUX_MAG[1])
        bins = zip(GRADIENTS[:-1], GRADIENTS[1:], strict=True)
        out[name] = [value[near & (slope >= low) & (slope < high)].tolist() for low, high in bins]
    return out


def psf_scales(folder, clusters):
    """Fluxes of unit sources of the true PSF as the measured PSF's filter sees them, means over sub-pixel places.

    At the places of `N_PLACES` clusters, evenly spaced in the list.
    """
    from clusterphot.base.products import read_noise, read_psf
    from clusterphot.detect import kernels
    from clusterphot.optics import psf as optics

    base = folder / f"results/drawn/{REFERENCE}"
    own = kernels.make_kernels(read_psf(str(base / "psf.fits")), read_noise(str(base / "noise.fits")))
    side = len(read_psf(str(folder / f"{REFERENCE}_psf.fits")).data)
    true_psf, scales = true_psfs(clusters, REFERENCE), []
    for row in clusters[:: max(len(clusters) // N_PLACES, 1)]:
        true = true_psf(row["u"], row["v"]).to_psf(side)
        light, half, values = true.data * true.ee_stamp, side // 2, []
        for dy in np.arange(8) / 8:
            for dx in np.arange(8) / 8:
                image = optics.moved(light, dx, dy)
                place = np.array([half + dx]), np.array([half + dy])
                values.append(kernels.shape_coefficients(image, own, *place)[0, kernels.POINT_FLUX])
        scales.append(np.mean(values))
    return scales


def fwhm_spread(truth):
    """Largest over smallest FWHM of the reference PSF less 1 (per cent): among the stars, and in the whole field."""
    from clusterphot.simulate import truth as scene

    config = scene.config_of(truth)
    if not config.exposures.fwhm_variation:
        return {"star_fwhm_percent": 0.0, "field_fwhm_percent": 0.0}
    true_psf, edge = true_psfs(truth, REFERENCE, core_arcsec=CORE_ARCSEC), config.size_arcsec / 2
    stars = truth[truth["kind"] == "star"]
    places = {
        "star": [(row["u"], row["v"]) for row in stars],
        "field": [(u, v) for u in np.linspace(-edge, edge, 5) for v in np.linspace(-edge, edge, 5)],
    }
    width = {name: [true_psf(u, v).fwhm_arcsec() for u, v in where] for name, where in places.items()}
    return {f"{name}_fwhm_percent": 100.0 * (max(w) / min(w) - 1.0) for name, w in width.items()}


def beside_galaxies(truth, found, injections, scale):
    """Numbers found, and in all, of clusters and artificial ones above `BESIDE_MAG`, by distance to a galaxy."""
    galaxies = cKDTree(positions(truth[truth["kind"] == "galaxy"]))
    clusters = truth[truth["kind"] == "cluster"]
    put = injections[np.asarray(injections["searched"], dtype=bool)]
    sets = {
        "clusters": (positions(clusters), magnitude(clusters[f"flux_{REFERENCE}"]), found),
        "artificial": (
            np.stack([put["x"], put["y"]], axis=1),
            magnitude(put[f"flux_in_{REFERENCE}"]),
            np.asarray(put["selected"], dtype=bool),
        ),
    }
    out = {}
    for name, (place, mag, seen) in sets.items():
        distance = np.where(mag < BESIDE_MAG, galaxies.query(place)[0] * scale, np.nan)
        bins = [(distance >= low) & (distance < high) for low, high in itertools.pairwise(BESIDE_ARCSEC)]
        out[name] = [[int(seen[rows].sum()), int(rows.sum())] for rows in bins]
    return out


def closure(folder, clusters, found, injections, candidates, scale):
    """Clusters found against the number predicted from the artificial ones: in all, and in bins.

    Noise and light at a cluster are those of its candidate, selected or not, like those of artificial clusters at
    the pixel; where there is none, those of the coarse maps, which average over steep places.
    """
    from clusterphot.detect.completeness.summary import measure_completeness
    from clusterphot.detect.crowding import neighbour_light
    from clusterphot.detect.tiles import read_maps

    maps = read_maps(str(folder / "results/drawn/detection/maps.fits"))
    tried = tries(searched(injections))
    x, y = positions(clusters).T
    noise, light = maps.at("noise", x, y), maps.at("light", x, y)
    near = nearest(candidates, clusters, scale)
    noise = np.where(near >= 0, np.asarray(candidates[f"noise_{REFERENCE}"])[near], noise)
    light = np.where(near >= 0, np.asarray(candidates["surface_brightness"])[near], light)
    inside = np.isfinite(noise) & (maps.at("searched", x, y) > 0)
    crowd = neighbour_light(x, y, candidates, candidates[f"flux_{REFERENCE}"], scale)
    where = (magnitude(clusters[f"flux_{REFERENCE}"])[inside], noise[inside], light[inside], crowd[inside])
    p, resampled = predictions(measure_completeness, tried, where)
    out = {"n": int(inside.sum()), "outside": int((~inside).sum())}
    return out | compare_numbers(found[inside], p, resampled, bins_of(where[0], where[1]))


def searched(injections):
    """Artificial clusters that lay where it was searched."""
    usable = np.asarray(injections["searched"], dtype=bool)
    return injections[usable & np.isfinite(injections[f"noise_{REFERENCE}"])]


def tries(put):
    """Magnitude, noise, light and neighbours of artificial clusters, and whether each was selected."""
    return (
        magnitude(put[f"flux_in_{REFERENCE}"]),
        np.asarray(put[f"noise_{REFERENCE}"]),
        np.asarray(put["surface_brightness"]),
        np.asarray(put["neighbour_light"]),
        np.asarray(put["selected"], dtype=bool),
    )


def counted_for_missed(injections, limit):
    """Artificial clusters found, each counted for 1 / completeness at its found magnitude, against those put in.

    Returns
    -------
    numbers : list of [float, float, int]
        By bin of magnitude less the 50 % limit, `LIMIT_BINS`: counted, the error of this number, put in.
    """
    from clusterphot.detect.completeness.summary import measure_completeness

    put = searched(injections)
    mag, *where, selected = tries(put)
    found = magnitude(np.where(selected, put[f"flux_{REFERENCE}"], 1.0))
    weight = np.where(selected, 1.0 / measure_completeness(mag, *where, selected)(found, *where), 0.0)
    out = []
    for low, high in itertools.pairwise(LIMIT_BINS):
        counted = weight[selected & (found - limit >= low) & (found - limit < high)]
        n_put = int(((mag - limit >= low) & (mag - limit < high)).sum())
        out.append([float(counted.sum()), float(np.sqrt((counted**2).sum())), n_put])
    return out


def predictions(measure, tried, where, n_resamples=N_RESAMPLES):
    """Completeness at given places, and that from resampled artificial clusters.

    Parameters
    ----------
    measure : callable
        `clusterphot.detect.completeness.summary.measure_completeness`.
    tried : tuple of (m,) ndarray
        Its arguments: magnitude, noise, light and neighbours of the artificial clusters, and whether each was
        selected.
    where : tuple of (n,) ndarray
        Magnitude, noise, light and neighbours.

    Returns
    -------
    p : (n,) float ndarray
    resampled : (n_resamples, n) float ndarray
        Always by the method, logistic or table, of the artificial clusters as they are.

    Notes
    -----
    Completeness is kept half a cluster in m + 1 away from 0 and 1: m trials cannot tell it from these.
    """
    result, m = measure(*tried), len(tried[0])
    rng, least = np.random.default_rng(m), 0.5 / (m + 1)
    resampled = []
    for _ in range(n_resamples):
        rows = rng.integers(m, size=m)
        again = dataclasses.replace(measure(*(values[rows] for values in tried)), method=result.method)
        resampled.append(again(*where))
    return np.clip(result(*where), least, 1 - least), np.clip(resampled, least, 1 - least)


def bins_of(mag, noise):
    """Number of the bin of each cluster: four of noise times four of magnitude."""
    across = np.digitize(noise, np.quantile(noise, NOISE_QUANTILES))
    return across * (len(MAG_QUANTILES) + 1) + np.digitize(mag, np.quantile(mag, MAG_QUANTILES))


def compare_numbers(seen, p, resampled, number, draws=DRAWS_PER_RESAMPLE):
    """Numbers found against the predicted ones, in all and by bin.

    Parameters
    ----------
    seen : (n,) bool ndarray
    p : (n,) float ndarray
        Completeness, between 0 and 1.
    resampled : (k, n) float ndarray
        Of resampled artificial clusters: what scatters between them is the error of the prediction.
    number : (n,) int ndarray
        Bin of each cluster.

    Notes
    -----
    chi2 is that of the residuals of all bins with their covariance, binomial and of the prediction. Bins hold few
    expected losses, so that it follows no chi-square distribution: its p value is the share of sets of detections,
    drawn from the resampled predictions, whose chi2 is as large.
    """
    member = (np.unique(number)[:, None] == number).astype(float)
    covariance = (member * (p * (1 - p))) @ member.T
    covariance = covariance + np.atleast_2d(np.cov(member @ resampled.T))
    inverse = np.linalg.inv(covariance)

    def chi2_of(away):
        return np.einsum("...i,ij,...j->...", away, inverse, away)

    rng = np.random.default_rng(len(p))
    drawn = rng.uniform(size=(draws, *resampled.shape)) < resampled
    simulated = chi2_of((drawn - p) @ member.T).ravel()
    chi2, total = float(chi2_of(member @ (seen - p))), float(np.sqrt(covariance.sum()))
    return {
        "found": int(seen.sum()),
        "predicted": float(p.sum()),
        "sigma": float((seen.sum() - p.sum()) / total),
        "error": total,
        "chi2": chi2,
        "n_bins": len(member),
        "p_value": float((1 + np.sum(simulated >= chi2)) / (1 + simulated.size)),
    }
