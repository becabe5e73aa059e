"""What the search of a simulated field missed, mistook and measured, against the truth.

Magnitudes AB in the reference filter, fluxes nJy, light nJy/arcsec2, gradients in noise of a pixel per 0.2 arcsec.
"""

import numpy as np
from astropy.table import Table, vstack
from detection_field import REFERENCE, cpu_seconds
from scipy import stats
from scipy.spatial import cKDTree

MATCH_ARCSEC = 0.06
GALAXY_ARCSEC = 0.2
"""Selected sources this near to the centre of a galaxy of the truth are put down to it, else to noise."""

BRIGHT_MAG = 28.5
FLUX_MAG = (27.5, 28.5)
"""Fluxes at 28 mag: of sources between these."""

GRADIENTS = (0.0, 5.0, 20.0, np.inf)
STEP_ARCSEC = 0.2
FAINT_LIGHT = 4000.0


def read(path):
    """A table of the workflow."""
    return Table.read(path, format="ascii.ecsv")


def measure_field(folder):
    """All measures of one field, a plain dictionary.

    Parameters
    ----------
    folder : `pathlib.Path`
        Where `detection_field.write_field` and `run_workflow` have worked.
    """
    truth = read(folder / "truth.ecsv")
    candidates = read(folder / "results/drawn/candidates.ecsv")
    runs = sorted((folder / "results/drawn/completeness/runs").glob("*.ecsv"))
    injections = vstack([read(path) for path in runs], metadata_conflicts="silent")
    clusters = truth[truth["kind"] == "cluster"]
    gradient = Gradient(truth)
    selected = candidates[np.asarray(candidates["selected"], dtype=bool)]
    row = nearest(selected, clusters, gradient.scale)
    out = {"n_clusters": len(clusters), "n_selected": len(selected)}
    out |= found_of(clusters, row) | mistaken(selected, truth, row, gradient.scale)
    out["fluxes"] = fluxes(clusters, selected, row, injections, gradient)
    out["psf_scale"] = psf_scale(folder)
    out["closure"] = closure(folder, clusters, row >= 0, injections, candidates, gradient.scale)
    limits = read(folder / f"results/drawn/completeness/{REFERENCE}.ecsv")
    out["mag_50"], out["mag_50_err"] = float(limits["mag_50"][0]), float(limits["mag_50_err"][0])
    out["method"] = limits.meta["fit"]["method"]
    out["n_injections"], out["injection_cpu_s"] = len(injections), cpu_seconds(folder, "inject_clusters")
    out["star_fwhm_percent"] = fwhm_spread(truth)
    return out


def magnitude(flux):
    """AB magnitude of positive fluxes."""
    return 31.4 - 2.5 * np.log10(np.asarray(flux, dtype=float))


def positions(truth):
    """Positions of objects of the truth in pixels of the reference filter."""
    return np.stack([truth[f"x_{REFERENCE}"], truth[f"y_{REFERENCE}"]], axis=1)


def nearest(table, clusters, scale):
    """Row of the table that each cluster is, one to one by distance; -1 where there is none."""
    row = np.full(len(clusters), -1)
    if not len(table):
        return row
    here, there = positions(clusters), np.stack([table["x"], table["y"]], axis=1)
    pairs = cKDTree(here).query_ball_tree(cKDTree(there), MATCH_ARCSEC / scale)
    options = sorted((np.hypot(*(here[i] - there[j])), i, j) for i, near in enumerate(pairs) for j in near)
    taken = set()
    for _, i, j in options:
        if row[i] < 0 and j not in taken:
            row[i] = j
            taken.add(j)
    return row


def found_of(clusters, row):
    """Numbers of clusters, and of those found: bright ones, and all where galaxies are faint."""
    bright = magnitude(clusters[f"flux_{REFERENCE}"]) < BRIGHT_MAG
    faint_light = np.asarray(clusters[f"sb_{REFERENCE}"]) < FAINT_LIGHT
    out = {}
    for name, rows in (("bright", bright), ("faint_light", faint_light), ("all", np.ones(len(row), bool))):
        out[f"n_{name}"], out[f"found_{name}"] = int(rows.sum()), int((row[rows] >= 0).sum())
    return out


def mistaken(selected, truth, row, scale):
    """What the selected sources are, to two magnitudes and in all."""
    kind = np.full(len(selected), "noise", dtype="U8")
    here = np.stack([selected["x"], selected["y"]], axis=1)
    if len(selected):
        galaxies = truth[~np.isin(truth["kind"], ("cluster", "star"))]
        for name, part, reach in (
            ("galaxy", galaxies, GALAXY_ARCSEC),
            ("star", truth[truth["kind"] == "star"], MATCH_ARCSEC),
        ):
            if len(part):
                kind[cKDTree(positions(part)).query(here)[0] * scale < reach] = name
        kind[row[row >= 0]] = "cluster"
    mag = np.asarray(selected["mag"])
    return {
        f"kinds_{limit:g}": {
            name: int(np.sum(kind[mag < limit] == name)) for name in ("cluster", "star", "galaxy", "noise")
        }
        for limit in (BRIGHT_MAG, 29.0, 99.0)
    }


class Gradient:
    """Gradient of the light of galaxies without noise in the reference filter."""

    def __init__(self, truth):
        from clusterphot import optics, scene, simulate

        config = scene.config_of(truth)
        psf = optics.oversampled_psf(REFERENCE, config.optics())
        galaxies = truth[~np.isin(truth["kind"], ("cluster", "star"))]
        light = simulate.render(galaxies, REFERENCE, psf, config)
        self.scale = psf.pixel_scale_arcsec
        along_y, along_x = np.gradient(light)
        unit = STEP_ARCSEC / self.scale / simulate.white_sigma(psf, config)
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


def psf_scale(folder):
    """Flux of a unit source of the true PSF as the measured PSF's filter sees it, mean over sub-pixel places."""
    from clusterphot import optics
    from clusterphot.detection import kernels
    from clusterphot.io import read_noise, read_psf

    base = folder / f"results/drawn/{REFERENCE}"
    own = kernels.make_kernels(read_psf(str(base / "psf.fits")), read_noise(str(base / "noise.fits")))
    true = read_psf(str(folder / f"{REFERENCE}_psf.fits"))
    light, half = true.data * true.ee_stamp, len(true.data) // 2
    values = []
    for dy in np.arange(8) / 8:
        for dx in np.arange(8) / 8:
            image = optics.fourier_shift(light, dx, dy)
            place = np.array([half + dx]), np.array([half + dy])
            values.append(kernels.shape_coefficients(image, own, *place)[0, kernels.POINT_FLUX])
    return float(np.mean(values))


def fwhm_spread(truth):
    """Largest less smallest FWHM of the reference PSF over the field, per cent; 0 where it does not vary."""
    from clusterphot import optics, scene

    config = scene.config_of(truth)
    if not config.psf_blur_px:
        return 0.0
    psf = optics.oversampled_psf(REFERENCE, config.optics())
    wide = optics.blurred(psf.data, [], config.psf_blur_px * psf.oversampling)
    sharp, broad = (
        optics.OversampledPsf(
            data / data.sum(), psf.sample_arcsec, psf.pixel_scale_arcsec, REFERENCE
        ).fwhm_arcsec()
        for data in (psf.data, wide)
    )
    return 100.0 * (broad / sharp - 1.0)


def closure(folder, clusters, found, injections, candidates, scale):
    """Clusters found against the number predicted from the artificial ones: in all, and in bins.

    Noise and light at a cluster are those of its candidate, selected or not, like those of artificial clusters at
    the pixel; where there is none, those of the coarse maps, which average over steep places.
    Bins of true magnitude (quantiles of the expected losses) and two halves in noise; neighbours are joined until
    four sources found and four lost are expected in all, and each bin holds one of each.
    """
    from clusterphot.completeness.summary import measure_completeness
    from clusterphot.detection.crowding import neighbour_light
    from clusterphot.detection.tiles import read_maps

    maps = read_maps(str(folder / "results/drawn/detection/maps.fits"))
    usable = np.asarray(injections["searched"], dtype=bool)
    usable &= np.isfinite(injections[f"noise_{REFERENCE}"])
    put = injections[usable]
    result = measure_completeness(
        magnitude(put[f"flux_in_{REFERENCE}"]),
        np.asarray(put[f"noise_{REFERENCE}"]),
        np.asarray(put["surface_brightness"]),
        np.asarray(put["neighbour_light"]),
        np.asarray(put["selected"], dtype=bool),
    )
    x, y = positions(clusters).T
    noise, light = maps.at("noise", x, y), maps.at("light", x, y)
    near = nearest(candidates, clusters, scale)
    noise = np.where(near >= 0, np.asarray(candidates[f"noise_{REFERENCE}"])[near], noise)
    light = np.where(near >= 0, np.asarray(candidates["surface_brightness"])[near], light)
    inside = np.isfinite(noise) & (maps.at("searched", x, y) > 0)
    mag = magnitude(clusters[f"flux_{REFERENCE}"])
    crowd = neighbour_light(x, y, candidates, candidates[f"flux_{REFERENCE}"], scale)
    where = (mag[inside], noise[inside], light[inside], crowd[inside])
    p, seen = result(*where), found[inside]
    slope = _slope(result, where)
    covariance = np.diag(p * (1 - p)) + slope @ result.fit.covariance @ slope.T
    total = float(np.sqrt(covariance.sum()))
    chi2, dof = _binned(where[0], where[1], p, seen, covariance)
    return {
        "n": int(inside.sum()),
        "outside": int((~inside).sum()),
        "found": int(seen.sum()),
        "predicted": float(p.sum()),
        "sigma": float((seen.sum() - p.sum()) / total),
        "error": total,
        "chi2": chi2,
        "dof": dof,
        "p_value": float(stats.chi2.sf(chi2, dof)) if dof else None,
    }


def _slope(result, where):
    """Derivatives of the completeness by the parameters of its fit, (n, k)."""
    import dataclasses

    fit, columns = result.fit, []
    for step in 1e-4 * np.eye(len(fit.parameters)):
        high, low = (
            dataclasses.replace(fit, parameters=fit.parameters + sign * step)(*where) for sign in (1, -1)
        )
        columns.append((high - low) / 2e-4)
    return np.stack(columns, axis=1)


def _binned(mag, noise, p, seen, covariance):
    """Chi-square of the numbers found in bins of magnitude, two halves of noise each, and the number of bins."""
    chi2, groups = 0.0, []
    for half in (noise <= np.median(noise), noise > np.median(noise)):
        rows = np.flatnonzero(half)[np.argsort(mag[half])]
        group, lost, kept = [], 0.0, 0.0
        start = len(groups)
        for i in rows:
            group.append(i)
            lost, kept = lost + 1 - p[i], kept + p[i]
            if min(lost, kept) > 2.0:
                groups.append(group)
                group, lost, kept = [], 0.0, 0.0
        if group and len(groups) > start:
            groups[-1] = groups[-1] + group
        elif group:
            groups.append(group)
    member = np.zeros((len(groups), len(p)))
    for number, group in enumerate(groups):
        member[number, group] = 1.0
    away = member @ (seen - p)
    chi2 = float(away @ np.linalg.solve(member @ covariance @ member.T, away))
    return chi2, len(groups)
