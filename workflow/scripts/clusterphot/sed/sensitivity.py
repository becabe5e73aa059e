"""What moves the answer: the age, metallicity and mass of a stack with one thing changed at a time.

Zero points and E(B-V) by their 1-sigma errors, the errors themselves, the priors, the library.
Changes in dex; metallicities are compared as metal fractions, since libraries differ in what they call solar.
"""

import dataclasses

import numpy as np
from astropy.table import Table

from clusterphot.sed.chi2 import best_models, fit_grid, prepare_photometry
from clusterphot.sed.library_comparison import Library, StackFluxes, stack_posterior
from clusterphot.sed.shared_modes import DUST, SharedModes, zero_point_modes

OTHER_PRIOR = {"uniform": "log-uniform", "log-uniform": "uniform"}
EBV = "E(B-V)"
QUANTITIES = {"age": "age_gyr", "metallicity": "metallicity_zsun", "mass": "log_mass"}
MEDIANS = tuple(f"{name}_{q}" for name in QUANTITIES.values() for q in ("p16", "p50", "p84"))


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing changed, and what the stack is fitted with then.

    Attributes
    ----------
    varied, varied_in : str
        What is changed, and in which filter or to which prior or library.
    varied_by : float
    stack : `clusterphot.sed.library_comparison.StackFluxes`
    library : `clusterphot.sed.library_comparison.Library`
    modes : `clusterphot.sed.shared_modes.SharedModes`
    keys : dict
        Other values for keys of sed.posterior.
    floor : float or None
        Fraction of the flux in place of all systematic errors of the best fit.
    """

    varied: str
    varied_in: str
    varied_by: float
    stack: StackFluxes
    library: Library
    modes: SharedModes
    keys: dict = dataclasses.field(default_factory=dict)
    floor: float | None = None

    def but(self, varied, varied_in="", varied_by=np.nan, **changes):
        """This with something else changed."""
        named = {"varied": varied, "varied_in": varied_in, "varied_by": float(varied_by)}
        return dataclasses.replace(self, **named, **changes)


def baseline(stack, libraries, fiducial, modes):
    """Nothing changed: the posterior of stack.ecsv."""
    (library,) = (library for library in libraries if library.name == fiducial)
    return Change("baseline", "", 0.0, stack, library, modes)


def sensitivity_table(stack, libraries, fiducial, params, modes, *, ebv, zero_point_errors):
    """Age, metallicity and mass of a stack with one thing changed at a time.

    Parameters
    ----------
    stack : `clusterphot.sed.library_comparison.StackFluxes`
    libraries : list of `clusterphot.sed.library_comparison.Library`
    fiducial : str
        Name of the library of all rows but those of other libraries.
    params : namespace
        As for `clusterphot.sed.library_comparison.compare_libraries`.
    modes : `clusterphot.sed.shared_modes.SharedModes`
        Of the field.
    ebv : float
        Milky Way E(B-V), mag.
    zero_point_errors : sequence of float
        Fractional errors of all zero points that are tried.

    Returns
    -------
    table : `astropy.table.Table`
        First the baseline, the posterior of stack.ecsv. ``varied``, ``varied_in`` and ``varied_by`` tell what was
        changed (zero_point: fluxes of a filter by a fraction; ebv: mag; zero_point_errors: to this fraction; age_prior,
        metallicity_prior, library: to what ``varied_in`` names). 16, 50, 84 % of the posterior; ``best_...`` of the
        best fit on the fine grid with the errors of the chi-square fit; and the change of medians and best fits
        against the baseline in dex.

    Notes
    -----
    Data are changed, not the error model: the posterior allows for calibration errors, so that its median moves less
    than the best fit. What is known without error is not varied.
    """
    base = baseline(stack, libraries, fiducial, modes)
    changes = [base]
    for name, step, factor in _calibrations(modes, params.posterior["ebv_relative_error"] * ebv):
        varied = "ebv" if name == EBV else "zero_point"
        changes.append(base.but(varied, name, step, stack=scale_flux(stack, factor)))
    for error in zero_point_errors:
        of_all = zero_point_modes(modes.filters, error).and_also(modes.of(DUST))
        changes.append(base.but("zero_point_errors", "all", error, modes=of_all, floor=error))
    changes += other_models(base, libraries, params)
    rows = [
        {name: getattr(change, name) for name in ("varied", "varied_in", "varied_by")}
        | _answer(change, params)
        for change in changes
    ]
    return _with_changes(Table(rows))


def other_models(base, libraries, params):
    """Changes of priors and libraries."""
    changes = []
    for name in ("age_prior", "metallicity_prior"):
        other = OTHER_PRIOR[params.posterior[name]]
        changes.append(base.but(name, other, keys={name: other}))
    return changes + [
        base.but("library", library.name, library=library)
        for library in libraries
        if library.name != base.library.name
    ]


def _calibrations(modes, ebv_error):
    """Name, step and factors on the fluxes of each calibration error of 1 sigma, down and up."""
    unchanged = np.ones(len(modes.filters))
    for band, error in enumerate(modes.without(DUST).error):
        for step in (-error, error) if error > 0 else ():
            factor = unchanged.copy()
            factor[band] += step
            yield modes.filters[band], step, factor
    for effect in modes.of(DUST).effects:
        for sign in (-1, 1):
            yield EBV, sign * ebv_error, np.exp(sign * effect)


def scale_flux(stack, factor):
    """The stack with fluxes, and their errors with them, multiplied band by band."""
    factor = np.asarray(factor, float)[None]
    return dataclasses.replace(
        stack, flux=stack.flux * factor, err=stack.err * factor, err_sys=stack.err_sys * factor
    )


def _answer(change, params):
    """Posterior quantiles and best fit on the fine grid of one change."""
    stack, floor = change.stack, change.floor
    posterior, _, fine = stack_posterior(stack, change.library, params, change.modes, **change.keys)
    photometry = prepare_photometry(
        stack.flux,
        stack.err,
        flux_floor_fraction=params.flux_floor_fraction if floor is None else floor,
        min_relative_error=params.min_relative_error,
        err_sys=stack.err_sys if floor is None else None,
        correlation=stack.correlation,
    )
    fit = fit_grid(photometry, fine.flux_njy)
    i, j = (int(index[0]) for index in best_models(fit.chi2))
    with np.errstate(divide="ignore"):
        log_mass = np.log10(fit.mass[0, i, j] * fine.mass_remaining[i, j])
    known = np.isfinite(fit.chi2[0, i, j])
    return {name: float(posterior.columns[name][0]) for name in MEDIANS} | {
        "best_age_gyr": float(fine.age_gyr[i]) if known else np.nan,
        "best_metallicity_zsun": float(fine.metallicity_zsun[j]) if known else np.nan,
        "best_log_mass": float(log_mass) if np.isfinite(log_mass) else np.nan,
        "best_chi2": float(fit.chi2[0, i, j]),
        "ssp_z_sun": float(fine.z_sun),
    }


def _with_changes(table):
    """Columns of the changes against the first row, dex."""
    for kind, suffix in (("", "_p50"), ("best_", "")):
        for word, quantity in QUANTITIES.items():
            values = np.asarray(table[f"{kind}{quantity}{suffix}"], float)
            if quantity == "metallicity_zsun":
                values = values * table["ssp_z_sun"]
            values = values if quantity == "log_mass" else np.log10(values)
            table[f"{kind}{word}_change_dex"] = values - values[0]
    return table
