"""How many clusters there are, in the searched area and around the brightest galaxy, and per light of it.

Numbers in apertures rest on the profile of the clusters, which fills what was not searched and weighs what was missed.
Angles arcsec, areas arcsec2, magnitudes AB unless V (Vega).
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from clusterphot.base.cosmology import kpc_per_arcsec, lookback_gyr
from clusterphot.base.products import pixel_scale
from clusterphot.detect.tiles import read_maps
from clusterphot.luminosity import function as lf
from clusterphot.luminosity.density import Survey
from clusterphot.luminosity.distribution import cell_of, cells_wcs
from clusterphot.luminosity.ellipse import make_nodes, profile_log_density
from clusterphot.luminosity.inputs import COVERED, draw_completeness
from clusterphot.luminosity.light import light_within
from clusterphot.luminosity.results import make_kernels, table_of_rows
from clusterphot.luminosity.turnover import expected_turnover, width_of_galaxy
from clusterphot.luminosity.v_band import absolute_v

logger = logging.getLogger(__name__)

STEP_MAG, BEYOND_TURNOVER = 0.1, 6.0
"""Grid of magnitudes on which completeness is averaged, and how far it reaches beyond the turnover."""

N_CLASSES = 24
"""Classes of noise, and of light, in which the completeness of cells is computed."""

RINGS, SECTORS = 200, 64
"""Grid on which the profile is integrated over an aperture."""

N_SIGMA = 4.0
"""How far from an assumed turnover or width the posterior reaches."""

REFUTED = 9.0
"""Fall of 2 ln L beyond which an assumption is said not to describe the clusters: 3 sigma of one parameter."""

N_DRAWS = 2000
LUMINOSITY_UNIT = 1e9
"""Numbers per luminosity are per so many V-band Suns."""


@dataclass(frozen=True)
class Assumed:
    """An assumption on the luminosity function.

    Attributes
    ----------
    turnover_kind : str
        free, faded, today or given.
    width_kind : str
        free or galaxy.
    turnover, width : (float, float) or None
        Mean and 1 sigma of a Gaussian prior, mag; None where it is free.
    """

    turnover_kind: str
    width_kind: str
    turnover: tuple | None = None
    width: tuple | None = None


def fit_assumed(kernels, assumed, width_range):
    """Posterior of turnover and width under an assumption.

    Parameters
    ----------
    kernels : list of `clusterphot.luminosity.function.SampleKernels`
    assumed : `Assumed`
        With a turnover.
    width_range : (float, float)
        Of a free width.

    Returns
    -------
    fit : `clusterphot.luminosity.function.TurnoverFit`
        Called identifiable: the total is then what the assumption makes of it.
    """
    mean, error = assumed.turnover
    turnovers = (mean - N_SIGMA * error, mean + N_SIGMA * error)
    widths = tuple(width_range)
    if assumed.width is not None:
        middle, sigma = assumed.width
        widths = (max(middle - N_SIGMA * sigma, lf.STEP_MAG), middle + N_SIGMA * sigma)
    fit = lf.fit_turnover(kernels, lf.Options(turnovers, widths))
    log_prior = -0.5 * ((fit.turnover - mean) / error)[:, None] ** 2 * np.ones(len(fit.width))
    if assumed.width is not None:
        log_prior = log_prior - 0.5 * ((fit.width - middle) / sigma) ** 2
    log_posterior = fit.log_posterior + log_prior
    return replace(
        fit, log_posterior=log_posterior - log_posterior.max(), identifiable=True, reach_mag=np.inf
    )


@dataclass(frozen=True)
class Cells:
    """Cells of a field joined to nodes around the centre, and how complete each is.

    Attributes
    ----------
    x, y, area : (m,) float ndarray
        Places of the nodes (arcsec from the centre) and searched area, arcsec2.
    mag : (k,) float ndarray
    effective : list of (m, k) float ndarray, arcsec2
        Searched area times completeness by magnitude, for each draw of the completeness.
    """

    x: np.ndarray
    y: np.ndarray
    area: np.ndarray
    mag: np.ndarray
    effective: list


def make_cells(survey, maps, centre, several, injections, mag_range):
    """`Cells` of a field.

    Parameters
    ----------
    survey : `clusterphot.luminosity.density.Survey`
        Whose area is that searched, completeness left out.
    maps : `clusterphot.detect.tiles.CoarseMaps`
    centre : (row, column)
    several : list of functions of (mag, noise, light)
        Draws of the completeness.
    injections : `clusterphot.luminosity.inputs.Injections`
        Whose noise says where completeness is known.
    mag_range : (float, float)
    """
    noise = maps.noise.astype(float)
    known = (survey.area > 0) & np.isfinite(noise) & (noise <= np.quantile(injections.values[1], COVERED))
    survey = replace(survey, area=np.where(known, survey.area, 0.0))
    nodes = make_nodes(survey, centre)
    flat = np.flatnonzero(known.ravel())
    place = [values.ravel()[flat].astype(float) for values in (noise, maps.light)]
    classes = [_classes(values) for values in place]
    pair = classes[0] * N_CLASSES + classes[1]
    n_in = np.bincount(pair, minlength=N_CLASSES**2)
    middle = [np.bincount(pair, values, minlength=N_CLASSES**2) / np.maximum(n_in, 1) for values in place]
    used = np.flatnonzero(n_in)
    rank = np.full(N_CLASSES**2, -1)
    rank[used] = np.arange(len(used))
    to_class = sparse.csr_array(
        (survey.area.ravel()[flat], (flat, rank[pair])), shape=(survey.area.size, len(used))
    )
    area_of = nodes.of_cells @ to_class
    mag = np.arange(mag_range[0] + 0.5 * STEP_MAG, mag_range[1], STEP_MAG)
    effective = [
        area_of @ one(mag[None], middle[0][used][:, None], middle[1][used][:, None]) for one in several
    ]
    return Cells(nodes.x, nodes.y, nodes.area, mag, effective)


def _classes(values):
    """Class of each value among `N_CLASSES` of equal number."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, N_CLASSES + 1)[1:-1]))
    return np.digitize(values, edges)


def draw_within(cells, profile, drawn, p_cluster, own, radius, number_error, *, seed=1):
    """Draws of the number of clusters within a circle.

    Parameters
    ----------
    cells : `Cells`
    profile : (n, 4) float ndarray
        Draws of the profile of `clusterphot.luminosity.ellipse`.
    drawn : `clusterphot.luminosity.function.DrawnFunctions`
        As many draws.
    p_cluster, own : (s,) float ndarray
        Of the found sources: probability to be a cluster, and distance from the centre, arcsec.
    radius : float, arcsec
    number_error : float
        Fractional error of the sum of probabilities.
    seed : int

    Returns
    -------
    number : (n,) float ndarray

    Notes
    -----
    Clusters are a Poisson process of the density lambda f(x, y) phi(m). Those found in the whole field, a Poisson
    number of mean lambda D with D the integral of f phi over what was searched, times completeness, give lambda a Gamma
    posterior of shape found + 1/2 (Jeffreys). The number there is that found within the circle and a Poisson number of
    those that were missed in it or lie where nothing was searched.
    """
    rng, n = np.random.default_rng([seed, 2]), len(profile)
    inside = np.hypot(cells.x, cells.y) < radius
    found = rng.binomial(1, np.clip(p_cluster, 0, 1), (n, len(p_cluster)))
    scale = np.clip(1.0 + number_error * rng.standard_normal(n), 0.0, None)
    found_all, found_in = found.sum(axis=1) * scale, found[:, own < radius].sum(axis=1) * scale
    whole, effective, effective_in = np.empty(n), np.empty(n), np.empty(n)
    ring = radius * (np.arange(RINGS) + 0.5) / RINGS
    angle = 2 * np.pi * (np.arange(SECTORS) + 0.5) / SECTORS
    circle = [(ring[:, None] * turn(angle)).ravel() for turn in (np.cos, np.sin)]
    circle_area = np.repeat(ring * radius / RINGS * 2 * np.pi / SECTORS, SECTORS)
    for number, seen in enumerate(cells.effective):
        for block in np.array_split(np.arange(n)[number :: len(cells.effective)], 8):
            if not len(block):
                continue
            which = drawn.which[block]
            phi = np.exp(lf.gaussian_shapes(cells.mag, drawn.turnover[which], drawn.width[which])) * STEP_MAG
            f = np.exp(profile_log_density(cells.x, cells.y, profile[block]))
            weighted = f * (phi @ seen.T)
            effective[block], effective_in[block] = weighted.sum(axis=1), weighted[:, inside].sum(axis=1)
            whole[block] = np.exp(profile_log_density(*circle, profile[block])) @ circle_area
    density = rng.gamma(found_all + 0.5) / effective
    return found_in + rng.poisson(density * np.clip(whole - effective_in, 0.0, None))


@dataclass(frozen=True)
class GalaxyLight:
    """V light around the brightest galaxy.

    Attributes
    ----------
    radius_arcsec, radius_kpc : (r,) float ndarray
        Of the apertures.
    luminosity : (r,) float ndarray, V-band Suns
    relative_error : float
    covered : (r,) float ndarray
        Share of the aperture in which the light was seen.
    """

    radius_arcsec: np.ndarray
    radius_kpc: np.ndarray
    luminosity: np.ndarray
    relative_error: float
    covered: np.ndarray


def specific_frequency(number, luminosity):
    """S_N = N 10^(0.4 (M_V + 15)) (Harris & van den Bergh 1981, AJ 86, 1627), M_V in Vega magnitudes.

    Examples
    --------
    2000 clusters around a galaxy of M_V = -21:

    >>> from clusterphot.luminosity.v_band import SOLAR_V_VEGA
    >>> print(f"{specific_frequency(2000, 10 ** (0.4 * (SOLAR_V_VEGA + 21))):.2f}")
    7.96
    """
    return number * 10 ** (0.4 * (absolute_v(luminosity) + 15.0))


def summarise(number, found, galaxy=None, at=0, *, seed=1):
    """Columns of one region: quantiles of the number, S_N and number per luminosity.

    Parameters
    ----------
    number : (n,) float ndarray
        Draws.
    found : float
        Sum of the probabilities of the sources found there.
    galaxy : `GalaxyLight`, optional
    at : int
        Which of its apertures.
    """
    row = {"n_found": found} | _ends("n_total", number)
    if galaxy is None or not galaxy.luminosity[at] > 0:
        return row
    factor = np.exp(galaxy.relative_error * np.random.default_rng([seed, 3]).standard_normal(len(number)))
    luminosity = galaxy.luminosity[at] * factor
    row |= _ends("s_n", specific_frequency(number, luminosity))
    return row | _ends("n_per_1e9_lsun", number / luminosity * LUMINOSITY_UNIT)


def _ends(name, draws):
    """Columns of the 16, 50 and 84 % quantiles of draws."""
    at = np.quantile(draws, list(lf.LEVELS.values()))
    return {f"{name}_{end}": float(value) for end, value in zip(lf.LEVELS, at, strict=True)}


def totals_table(rows):
    """Table of rows that have some of the columns."""
    numbers = [
        "turnover",
        "turnover_err",
        "width",
        "likelihood_fall",
        "aperture_kpc",
        "aperture_arcsec",
        "n_found",
    ]
    numbers += [
        f"{name}_{end}" for name in ("n_total", "s_n", "n_per_1e9_lsun") for end in ("p16", "p50", "p84")
    ]
    numbers += ["absolute_v", "light_covered"]
    texts = ("turnover_kind", "width_kind", "region")
    return table_of_rows(rows, dict.fromkeys(texts, str) | dict.fromkeys(numbers, float))


LIGHT_ERROR = 0.1
"""Relative error of the light in an aperture: sky level, members that are not masked, colour term to V."""

GALAXY_METALLICITY = 1.0
"""Metallicity (solar) of the stars of the brightest galaxy, in the colour term from the filter to V."""


def measure_galaxy(light, light_v, light_model, centre_deg, radii_arcsec, to_v):
    """V luminosity within circles.

    Parameters
    ----------
    light, light_v : `clusterphot.luminosity.light.Rebinned`
        Reference filter, and the filter nearest to rest-frame V on the same pixels.
    light_model : `clusterphot.luminosity.light.LightModel`
    centre_deg : (ra, dec)
    radii_arcsec : (r,) sequence of float
    to_v : float
        V-band Suns per nJy of that filter, extinction corrected.

    Returns
    -------
    luminosity, covered : (r,) float ndarray

    Notes
    -----
    The model is of the reference filter. Its light becomes that of the other by the colour of the pixels that are not
    masked, within the same circle.
    """
    x, y = (float(value) for value in light.wcs.all_world2pix(*centre_deg, 0))
    rows, columns = np.indices(light.image.shape)
    radius = np.hypot(columns - x, rows - y) * light.pixel_arcsec
    seen = ~light_model.mask & np.isfinite(light.image) & np.isfinite(light_v.image)
    luminosity, covered = np.full(len(radii_arcsec), np.nan), np.zeros(len(radii_arcsec))
    for number, outer in enumerate(radii_arcsec):
        flux, covered[number] = light_within(light, light_model.model, centre_deg, outer)
        inside = seen & (radius < outer)
        total = light.image[inside].sum()
        if total > 0:
            luminosity[number] = flux * light_v.image[inside].sum() / total * to_v
    return luminosity, covered


def v_per_njy(grid, filt, old):
    """V-band Suns per observed nJy of the old stars of a galaxy at the redshift of a grid."""
    then = old.age_today_gyr - lookback_gyr(grid.redshift, grid.h0, grid.omega_m)
    age = int(np.argmin(np.abs(grid.age_gyr - then)))
    metal = int(np.argmin(np.abs(np.log(grid.metallicity_zsun / GALAXY_METALLICITY))))
    return float(grid.lum_v_lsun[age, metal] / grid.flux_njy[age, metal, grid.filters.index(filt)])


def assumptions(grid, reference, extinction_mag, old, given, absolute_v):
    """`Assumed` functions of a field.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
    reference : str
        Filter of the luminosity function.
    extinction_mag : float
        Of the Milky Way in it: found magnitudes are not corrected for it.
    old : `clusterphot.luminosity.turnover.OldClusters`
    given : (mag, error) or None
        Turnover of the user, as observed.
    absolute_v : float
        V magnitude of the galaxy, for the width; NaN leaves that out.
    """
    turnovers = {}
    for kind in ("faded", "today"):
        mag, error = expected_turnover(grid, reference, old, faded=kind == "faded")
        turnovers[kind] = (mag + extinction_mag, error)
    if given is not None:
        turnovers["given"] = tuple(given)
    out = []
    for kind, turnover in turnovers.items():
        out.append(Assumed(kind, "free", turnover))
        if np.isfinite(absolute_v):
            out.append(Assumed(kind, "galaxy", turnover, width_of_galaxy(absolute_v)))
    return out


def _fall(kernels, free, fit):
    """Twice the fall of the log-likelihood from the best function of the data to the best of an assumption."""
    turnover, width = np.transpose([free.best, fit.best])
    own, assumed = lf.log_likelihood(kernels, lf.gaussian_shapes(kernels.mag, turnover, width))
    return float(2.0 * (own - assumed))


def count_field(sample, own, kernels, free, cells, profile, assumed, galaxy, par):
    """Numbers of a field under all assumptions.

    Parameters
    ----------
    sample : `clusterphot.luminosity.function.Sample`
    own : (s,) float ndarray, arcsec
        Distances of the sources from the centre.
    kernels : list of `clusterphot.luminosity.function.SampleKernels`
    free : `clusterphot.luminosity.function.TurnoverFit`
        Whose numbers are given where its turnover is identifiable.
    cells : `Cells` or None
    profile : (n, 4) float ndarray
        Draws of the profile; empty where there is none, and then no apertures.
    assumed : list of `Assumed`
    galaxy : `GalaxyLight`
    par : object
        width_range, seed.

    Returns
    -------
    totals : `astropy.table.Table`
    """
    fits = [(one, fit_assumed(kernels, one, par.width_range)) for one in assumed]
    if free.identifiable:
        fits.insert(0, (Assumed("free", "free"), free))
    rows = []
    for one, fit in fits:
        fall = _fall(kernels[0], free, fit)
        if fall > REFUTED:
            logger.warning(
                "turnover %s, width %s: 2 ln L is %.0f below that of the data's own turnover and width; this function "
                "does not describe these clusters, and its numbers are not theirs",
                one.turnover_kind, one.width_kind, fall,
            )  # fmt: skip
        drawn = lf.draw_functions(fit, N_DRAWS, par.seed)
        low, high = (fit.quantile(q) for q in lf.ONE_SIGMA)
        head = {
            "turnover_kind": one.turnover_kind, "width_kind": one.width_kind, "turnover": fit.quantile(0.5),
            "turnover_err": 0.5 * (high - low), "width": fit.quantile(0.5, "width"),
            "likelihood_fall": fall,
        }  # fmt: skip
        number = lf.draw_numbers(kernels, sample, drawn, (np.inf,), seed=par.seed)[0]
        rows.append(head | {"region": "searched"} | summarise(number, float(sample.p_cluster.sum())))
        if not len(profile):
            continue
        shapes = profile[np.random.default_rng([par.seed, 4]).permutation(len(profile))[:N_DRAWS]]
        for at, radius in enumerate(galaxy.radius_arcsec):
            number = draw_within(
                cells, shapes, drawn, sample.p_cluster, own, radius, sample.number_error, seed=par.seed
            )
            region = {
                "region": "aperture", "aperture_kpc": galaxy.radius_kpc[at], "aperture_arcsec": radius,
                "absolute_v": float(absolute_v(galaxy.luminosity[at])), "light_covered": galaxy.covered[at],
            }  # fmt: skip
            found = float(sample.p_cluster[own < radius].sum())
            rows.append(head | region | summarise(number, found, galaxy, at, seed=par.seed))
    return totals_table(rows)


def field_totals(table, sample, injections, free, maps_path, lights, draws, grid, par):
    """Numbers of a field from what was read of it.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources: x, y in pixels of the reference filter.
    sample : `clusterphot.luminosity.function.Sample`
        Of the same rows.
    injections : `clusterphot.luminosity.inputs.Injections`
    free : `clusterphot.luminosity.function.TurnoverFit` or None
    maps_path : str
    lights : (light, light_v, model)
        Of `clusterphot.luminosity.light.read_light`.
    draws : `astropy.table.Table`
        Of the profile.
    grid : `clusterphot.ssp.grid.ProjectedGrid`
    par : object
        reference_filter, v_filter, old (`OldClusters`), extinction (mag by filter), turnover (of the user, or None),
        centre, apertures_kpc, n_completeness_draws, seed, width_range, mag_min.

    Returns
    -------
    totals : `astropy.table.Table`
    """
    if free is None:  # too few sources for any luminosity function
        return totals_table([])
    maps, wcs = read_maps(maps_path), cells_wcs(maps_path)
    centre = cell_of(par.centre, wcs, maps.light)
    cell = pixel_scale(wcs)
    kept = injections.covers(sample)
    sample, table = sample[kept], table[kept]
    row, column = maps.cells(table["x"], table["y"])
    own = np.hypot(row - centre[0], column - centre[1]) * cell
    per_kpc = 1.0 / kpc_per_arcsec(grid.redshift, grid.h0, grid.omega_m)
    radii_kpc = np.array(par.apertures_kpc, dtype=float)
    to_v = v_per_njy(grid, par.v_filter, par.old) * 10 ** (0.4 * par.extinction[par.v_filter])
    centre_deg = tuple(float(value) for value in wcs.all_pix2world(centre[1], centre[0], 0))
    luminosity, covered = measure_galaxy(*lights, centre_deg, radii_kpc * per_kpc, to_v)
    galaxy = GalaxyLight(radii_kpc * per_kpc, radii_kpc, luminosity, LIGHT_ERROR, covered)
    brightest = absolute_v(luminosity[0]) if len(luminosity) else np.nan
    assumed = assumptions(
        grid, par.reference_filter, par.extinction[par.reference_filter], par.old, par.turnover, brightest
    )
    several = draw_completeness(injections, par.n_completeness_draws, par.seed)
    kernels = make_kernels(sample, injections, several)
    profile = np.stack([np.asarray(draws[name], dtype=float) for name in draws.colnames], axis=1)
    searched = np.where(np.isfinite(maps.noise), maps.searched, 0.0).astype(float) * cell**2
    survey = Survey(searched, row, column, sample.p_cluster, np.ones(len(row)), cell)
    faintest = max(one.turnover[0] for one in assumed) + BEYOND_TURNOVER
    cells = (
        make_cells(survey, maps, centre, several, injections, (par.mag_min, faintest))
        if len(profile)
        else None
    )
    return count_field(sample, own, kernels, free, cells, profile, assumed, galaxy, par)
