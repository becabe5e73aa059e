"""Probability that a source is a star, a star cluster of the field or a background galaxy, from its fluxes.

A mixture of three densities in flux space (e.g. Bovy et al. 2011, ApJ 729, 141): simple populations at the field's
redshift, the dwarf sequence with the star-count model, and a control sample off the cluster. Fluxes nJy, mag AB.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from clusterphot.base.filters import load_filter, nearest_filter
from clusterphot.base.numerics import TINY
from clusterphot.base.tables import flux_arrays, systematic_errors
from clusterphot.base.units import flux_from_mag_ab, mag_ab
from clusterphot.comparisons.catalogue import in_region
from clusterphot.foreground.star_counts import absolute_magnitudes, model_counts
from clusterphot.sed.chi2 import prepare_photometry

MAG_STEP = 0.1
MAG_GRID = np.arange(22.0, 33.0, MAG_STEP)
"""Magnitudes in the reference filter over which amplitudes are summed."""

SCATTERS = np.geomspace(0.02, 1.0, 18)
"""Fractional scatters per band that are tried for a class; the best is that of the largest likelihood."""

MIN_CONTROL = 5
"""Rows that a control sample needs; with fewer, broad power laws stand for galaxies."""

MIN_BANDWIDTH_MAG, FLAT_SHARE = 0.2, 0.01
"""Least width of the kernels of a density of magnitudes, and its part that is flat, so that no magnitude is
excluded."""

CLUSTER_SCATTER, GALAXY_SCATTER = 0.1, 0.3
"""Of the flux per band about a template, where no other scatter fits better: between the nodes of a grid of simple
populations; between galaxies, of which the templates are few."""

LEAST_STARS = 1e-12
"""Stars per magnitude where the model has none, so that logs are finite."""

STAR_SCATTER = 0.1
"""Of a star's flux per band about its template: the interpolation of the sequence between bands."""

RANGE_MARGIN = 0.2
"""Magnitudes by which the range of the sources is widened for stars."""

STAR_CAP = 0.5
"""Largest prior share of stars in a list without control sample."""

LEAST_SNR = 3.0
"""Signal to noise in the reference filter below which a source has no probability: colours say nothing there."""

N_ITERATIONS = 200
CLASSES = ("cluster", "galaxy", "star")


@dataclass(frozen=True)
class Population:
    """Templates of one class.

    Attributes
    ----------
    shape : (n_templates, n_bands) float ndarray
        Flux over that in the reference filter.
    relative_err : (n_templates, n_bands) float ndarray
        1-sigma errors of ``shape``, 0 for models.
    log_mag_density : (n_templates, n_mag) float ndarray
        Natural log of the density per magnitude on `MAG_GRID`, each row of integral 1.
    scatter : float
        Fractional scatter per band of the members about the templates.
    row : (n_templates,) int ndarray
        Row of the sources that a template is, -1 for models; such a template does not count for its own row.
    """

    shape: np.ndarray
    relative_err: np.ndarray
    log_mag_density: np.ndarray
    scatter: float
    row: np.ndarray = field(default=None)


def template_likelihoods(flux, err, population, reference, *, scatter=None):
    """Log likelihood of each source under each template, its amplitude summed over.

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
        Bands that are NaN do not count.
    population : `Population`
    reference : int
        Band of the magnitudes.
    scatter : float, optional
        Instead of the population's own.

    Returns
    -------
    log_likelihood : (n, n_templates) float ndarray
        -inf where a template is the source itself.

    Notes
    -----
    p(f | k) = sum over m of p_k(m) dm prod over bands of N(f; a t, err^2 + a^2 (e_t^2 + scatter^2 t^2)), a = a(m).
    """
    scatter = population.scatter if scatter is None else scatter
    known = np.isfinite(flux) & np.isfinite(err)
    flux, variance = np.where(known, flux, 0.0), np.where(known, err, 1.0) ** 2
    amplitude = flux_from_mag_ab(MAG_GRID)[:, None]
    step = np.log(MAG_GRID[1] - MAG_GRID[0])
    result = np.empty((len(flux), len(population.shape)))
    for k, (shape, relative, log_density) in enumerate(
        zip(population.shape, population.relative_err, population.log_mag_density, strict=True)
    ):
        model = amplitude * shape
        extra = amplitude**2 * (relative**2 + (scatter * shape) ** 2)
        total = variance[:, None] + extra
        terms = (flux[:, None] - model) ** 2 / total + np.log(2 * np.pi * total)
        log_p = -0.5 * np.where(known[:, None], terms, 0.0).sum(axis=-1) + log_density + step
        top = log_p.max(axis=1)
        result[:, k] = top + np.log(np.exp(log_p - top[:, None]).sum(axis=1))
    if population.row is not None:
        for k, row in enumerate(population.row):
            if row >= 0:
                result[row, k] = -np.inf
    return result


def mix(log_likelihood, log_weight):
    """Log of the weighted sum over templates, (n,); a source whose templates all exclude it has -inf."""
    terms = log_likelihood + log_weight
    top = np.max(terms, axis=1)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return safe + np.log(np.exp(terms - safe[:, None]).sum(axis=1))


def mag_density(magnitude, *, bandwidth=None):
    """Density per magnitude of a sample on `MAG_GRID` by Gaussian kernels, integral 1.

    Notes
    -----
    Bandwidth 1.06 sigma n^(-1/5) (Silverman 1986, equation 3.28), at least 0.2 mag; 1 % of it is flat, so that no
    magnitude is excluded.
    """
    known = magnitude[np.isfinite(magnitude)]
    flat = np.full(len(MAG_GRID), 1.0 / (len(MAG_GRID) * MAG_STEP))
    if len(known) == 0:
        return flat
    if bandwidth is None:
        bandwidth = max(1.06 * np.std(known) * len(known) ** -0.2, MIN_BANDWIDTH_MAG)
    kernel = np.exp(-0.5 * ((MAG_GRID[:, None] - known) / bandwidth) ** 2).sum(axis=1)
    return (1 - FLAT_SHARE) * kernel / (kernel.sum() * MAG_STEP) + FLAT_SHARE * flat


def cluster_population(model_flux, magnitude, reference):
    """Clusters: shapes of the simple populations of a projected grid, magnitudes of the sample.

    Parameters
    ----------
    model_flux : (n_age, n_metallicity, n_bands) float ndarray
    magnitude : (n,) float ndarray
        Of the sources in the region of the cluster.
    reference : int
    """
    shape = model_flux.reshape(-1, model_flux.shape[-1])
    shape = shape / shape[:, [reference]]
    density = np.log(mag_density(magnitude))
    return Population(shape, np.zeros_like(shape), np.tile(density, (len(shape), 1)), CLUSTER_SCATTER)


def control_population(flux, err, rows, reference):
    """Field objects: the rows of the control sample themselves, with their errors.

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
    rows : (n_control,) int ndarray
        Their rows; those without a positive flux in the reference filter are left out.
    reference : int
    """
    rows = rows[flux[rows, reference] > 0]
    scale = flux[rows, reference][:, None]
    density = np.log(mag_density(mag_ab(flux[rows, reference])))
    shape = np.where(np.isfinite(flux[rows]), flux[rows] / scale, 1.0)
    relative = np.where(np.isfinite(err[rows]), err[rows] / scale, 1.0)
    return Population(shape, relative, np.tile(density, (len(rows), 1)), GALAXY_SCATTER, rows)


def power_laws(pivots_angstrom, magnitude, reference):
    """Galaxies without a control sample: power laws f_nu ~ wavelength^s, s from -1 to 3, with a broad scatter."""
    slopes = np.arange(-1.0, 3.01, 0.25)
    shape = (np.asarray(pivots_angstrom) / pivots_angstrom[reference]) ** slopes[:, None]
    density = np.log(mag_density(magnitude))
    return Population(shape, np.zeros_like(shape), np.tile(density, (len(shape), 1)), GALAXY_SCATTER)


def star_population(absolute_mag, counts, mag, reference, magnitude):
    """Stars: the dwarf sequence, each type with the magnitudes that the star-count model gives it.

    Only stars in the range of magnitudes of the sources could have been listed; others have no density.

    Parameters
    ----------
    absolute_mag : (n_types, n_bands) float ndarray
    counts : (n_types, n_mag) float ndarray
        Density per magnitude of each type at ``mag``.
    mag : (n_mag,) float ndarray
    reference : int
    magnitude : (n,) float ndarray
        Of the sources.

    Returns
    -------
    population : `Population`
    log_weight : (n_types,) float ndarray
    """
    shape = 10 ** (-0.4 * (absolute_mag - absolute_mag[:, [reference]]))
    density = np.array([np.interp(MAG_GRID, mag, row, left=0.0, right=0.0) for row in counts])
    known = magnitude[np.isfinite(magnitude)]
    if len(known):
        density = density * (
            (known.min() - RANGE_MARGIN <= MAG_GRID) & (known.max() + RANGE_MARGIN >= MAG_GRID)
        )
    density = density + LEAST_STARS
    share = density.sum(axis=1)
    population = Population(
        shape, np.zeros_like(shape), np.log(density / (MAG_STEP * share[:, None])), STAR_SCATTER
    )
    return population, np.log(share / share.sum())


def best_scatter(flux, err, population, reference, rows, log_weight):
    """Scatter of `SCATTERS` with the largest likelihood of some rows; each template leaves out its own row."""
    totals = [
        mix(template_likelihoods(flux, err, population, reference, scatter=s)[rows], log_weight).sum()
        for s in SCATTERS
    ]
    return float(SCATTERS[int(np.argmax(totals))])


@dataclass(frozen=True)
class Classes:
    """Probabilities of the three classes, and what they rest on.

    Attributes
    ----------
    probability : (n, 3) float ndarray
        Of `CLASSES`, sum 1; NaN for sources without any measured band.
    cluster_err : (n,) float ndarray
        Jackknife over the control rows of the probability of being a cluster; NaN without control sample.
    log_ratio : (n,) float ndarray
        Natural log of the density as a cluster over that as a field object: no shares of the classes enter.
    shares : dict of str to float
        Prior shares of `CLASSES` among the sources.
    scatter : dict of str to float
        Fractional scatters of the classes.
    """

    probability: np.ndarray
    cluster_err: np.ndarray
    log_ratio: np.ndarray
    shares: dict
    scatter: dict


def classify(flux, err, clusters, stars, galaxies, *, reference, control, area_ratio=1.0, shares=None):
    """Probabilities that sources are clusters, galaxies or stars.

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
    clusters, galaxies : `Population`
        Their scatters are found here.
    stars : (`Population`, log_weight)
    reference : int
        Band of the magnitudes.
    control : (n,) bool ndarray
        Rows of the control sample; none where ``galaxies`` are models.
    area_ratio : float, optional
        Area of the cluster's region over that of the control sample.
    shares : (share of galaxies, share of stars), optional
        Needed without control sample.

    Returns
    -------
    classes : `Classes`

    Notes
    -----
    Each row of the control sample is judged by the others alone. The prior shares are the same for all rows, those
    of the control sample too: field objects are as many as in the control sample, per area. Weights of the cluster
    templates are found by expectation maximisation (Dempster, Laird & Rubin 1977) among the other rows, and the share
    of stars among field objects likewise in the control sample, whose stars are no templates of galaxies. A scatter
    is that of the largest likelihood: of the control sample left out one by one for galaxies, of the mixture for
    clusters. Nothing is fitted to how the control rows are classified.
    """
    target, star_p = ~control, mix(template_likelihoods(flux, err, stars[0], reference), stars[1])
    uniform = -np.log(max(len(galaxies.shape) - (galaxies.row is not None), 1))
    galaxy_scatter = galaxies.scatter
    if control.any():
        galaxy_scatter = best_scatter(flux, err, galaxies, reference, np.flatnonzero(control), uniform)
    galaxy_matrix = template_likelihoods(flux, err, galaxies, reference, scatter=galaxy_scatter)
    weight = np.ones(len(galaxies.shape))
    if control.any():
        field_share = min(control.sum() * area_ratio / max(target.sum(), 1), 0.9)
        stars_in_field, weight = _separate_field(star_p[control], galaxy_matrix[control])
        shares = (field_share * (1 - stars_in_field), field_share * stars_in_field)
    galaxy_p = _weighted(galaxy_matrix, weight)
    share = {"cluster": float(1 - sum(shares)), "galaxy": float(shares[0]), "star": float(shares[1])}
    field_p = np.logaddexp(np.log(share["galaxy"] + 1e-12) + galaxy_p, np.log(share["star"] + 1e-12) + star_p)
    cluster_p, cluster_scatter = _fit_clusters(
        flux, err, clusters, reference, target, field_p, share["cluster"]
    )
    joint = _joint(cluster_p, galaxy_p, star_p, share)
    probability = np.exp(joint - mix(joint, 0.0)[:, None])
    probability[~np.isfinite(flux).any(axis=1)] = np.nan
    jackknife = []
    for left_out in range(len(galaxies.shape)) if control.any() else ():
        kept = _weighted(np.delete(galaxy_matrix, left_out, axis=1), np.delete(weight, left_out))
        joint = _joint(cluster_p, kept, star_p, share)
        jackknife.append(np.exp(joint[:, 0] - mix(joint, 0.0)))
    cluster_err = np.full(len(flux), np.nan)
    if jackknife:
        cluster_err = np.std(jackknife, axis=0) * np.sqrt(len(jackknife) - 1)
    return Classes(
        probability,
        cluster_err,
        cluster_p - (field_p - np.log(share["galaxy"] + share["star"])),
        share,
        {"cluster": cluster_scatter, "galaxy": galaxy_scatter, "star": stars[0].scatter},
    )


def _weighted(matrix, weight):
    """Log of the mean over the templates that a source has, with weights, (n,)."""
    present = np.isfinite(matrix) * weight
    with np.errstate(divide="ignore"):
        return mix(matrix, np.log(weight)) - np.log(np.maximum(present.sum(axis=1), TINY))


def _joint(cluster_p, galaxy_p, star_p, share):
    """Log of share times density of the classes, (n, 3)."""
    return np.stack([cluster_p, galaxy_p, star_p], axis=1) + np.log([share[name] + 1e-12 for name in CLASSES])


def _separate_field(star_p, matrix):
    """Share of stars in the control sample, and how much each of its rows counts as a galaxy.

    Parameters
    ----------
    star_p : (n_control,) float ndarray
        Log density as a star.
    matrix : (n_control, n_templates) float ndarray
        Log likelihood under the rows as templates, which are the same rows in the same order.

    Notes
    -----
    Stars of the control sample must not serve as templates of galaxies: a row's weight is its probability of being a
    galaxy, found together with the share by iteration from even odds.
    """
    share, weight = 0.5, np.full(matrix.shape[1], 0.5)
    for _ in range(N_ITERATIONS):
        galaxy_p = _weighted(matrix, np.maximum(weight, 1e-6))
        odds = np.exp(np.clip(galaxy_p - star_p, -500, 500)) * (1 - share) / max(share, 1e-12)
        star = 1 / (1 + odds)
        share, weight = float(np.mean(star)), 1 - star
    return share, np.maximum(weight, 1e-6)


def _fit_clusters(flux, err, clusters, reference, target, field_p, share):
    """Log density of each source as a cluster with the best weights and scatter, and that scatter."""
    best = (-np.inf, None, None)
    for scatter in SCATTERS[SCATTERS <= 0.5]:
        matrix = template_likelihoods(flux, err, clusters, reference, scatter=scatter)
        log_weight = np.full(matrix.shape[1], -np.log(matrix.shape[1]))
        for _ in range(N_ITERATIONS):
            density = mix(matrix[target], log_weight)
            total = np.logaddexp(np.log(share) + density, field_p[target])
            member = np.exp(np.log(share) + matrix[target] + log_weight - total[:, None])
            weight = member.sum(axis=0) + 1.0 / len(log_weight)  # one source spread evenly: none dies out
            log_weight = np.log(weight / weight.sum())
        log_likelihood = float(total.sum())
        if log_likelihood > best[0]:
            best = (log_likelihood, mix(matrix, log_weight), float(scatter))
    return best[1], best[2]


def classify_field(
    photometry, grid, star_counts, sequence, *, control_region, galaxy_fraction, min_relative_error
):
    """Probabilities of the sources of a field.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        De-reddened fluxes, with ra and dec.
    grid : `clusterphot.ssp.grid.ProjectedGrid`
    star_counts : `astropy.table.Table`
        With filter, galactic_deg and area_arcmin2 in its metadata.
    sequence : `astropy.table.Table`
        resources/literature/dwarf_sequence.ecsv.
    control_region : dict or None
    galaxy_fraction : float
        Prior share of galaxies without a control sample.
    min_relative_error : float
        Flux errors below are replaced, as for SED fits.

    Returns
    -------
    classes : `Classes`
        NaN for sources below `LEAST_SNR` in the reference filter.
    control : (n,) bool ndarray

    Notes
    -----
    Stars are expected as often as the model says in the area of the field, over the range of magnitudes of the
    sources; their types and magnitudes are the model's own even where a user's counts are given.
    """
    filters = list(grid.filters)
    reference = filters.index(nearest_filter(filters, 2.0))
    flux, err = flux_arrays(photometry, filters)
    prepared = prepare_photometry(
        flux, err, min_relative_error=min_relative_error, err_sys=systematic_errors(photometry, filters)
    )
    flux, err = prepared.flux, prepared.err
    ra, dec = (np.ma.filled(np.ma.asarray(photometry[name], dtype=float), np.nan) for name in ("ra", "dec"))
    control = np.zeros(len(flux), bool) if control_region is None else in_region(ra, dec, control_region)
    usable = control & (flux[:, reference] > 0)
    magnitude = mag_ab(flux[:, reference])
    model = model_counts(*star_counts.meta["galactic_deg"], sequence, filters[reference])
    absolute = np.array([absolute_magnitudes(sequence, name) for name in filters]).T
    stars = star_population(absolute, model.total, model.mag, reference, magnitude)
    clusters = cluster_population(grid.flux_njy, magnitude[~control], reference)
    shares = None
    if usable.sum() >= MIN_CONTROL:
        galaxies = control_population(flux, err, np.flatnonzero(usable), reference)
    else:
        usable[:] = False
        galaxies = power_laws([load_filter(name).wave_pivot for name in filters], magnitude, reference)
        shares = (galaxy_fraction, star_share(star_counts, magnitude))
    ratio = (control_region or {}).get("area_ratio", 1.0)
    classes = classify(
        flux,
        err,
        clusters,
        stars,
        galaxies,
        reference=reference,
        control=usable,
        area_ratio=ratio,
        shares=shares,
    )
    return _without_faint(classes, flux[:, reference] < LEAST_SNR * err[:, reference]), control


def _without_faint(classes, faint):
    """The same without values for sources that are hardly seen: theirs would be the prior's."""
    probability, cluster_err, log_ratio = (
        np.where(faint if values.ndim == 1 else faint[:, None], np.nan, values)
        for values in (classes.probability, classes.cluster_err, classes.log_ratio)
    )
    return replace(classes, probability=probability, cluster_err=cluster_err, log_ratio=log_ratio)


def star_share(star_counts, magnitude):
    """Expected stars in the range of magnitudes of the sources, over the number of sources; at most `STAR_CAP`."""
    known = magnitude[np.isfinite(magnitude)]
    if len(known) == 0:
        return 0.0
    faint, bright = known.max(), known.min()
    low, high = np.asarray(star_counts["mag_low"]), np.asarray(star_counts["mag_high"])
    overlap = np.clip(np.minimum(high, faint) - np.maximum(low, bright), 0.0, None) / (high - low)
    return float(min(np.sum(overlap * np.asarray(star_counts["n_stars"])) / len(magnitude), STAR_CAP))
