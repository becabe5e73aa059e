"""Measured against true: fluxes, positions, colours, stacks and populations of a field whose truth is known.

A pull is the difference over its 1-sigma error; medians and 1.4826 times the median absolute deviation
throughout. Fluxes nJy as in the image (not de-reddened), surface brightness nJy/arcsec2, ages Gyr, masses
log10 Msun.
"""

import re

import numpy as np
from astropy.table import Table

from clusterphot.base.flags import FOUND_BY_FIT
from clusterphot.base.robust import mad_sigma
from clusterphot.base.tables import flux_arrays
from clusterphot.base.units import MAG_PER_FRACTION, mag_ab
from clusterphot.base.user_tables import parse_carried, read_user_table
from clusterphot.foreground.dust import deredden
from clusterphot.sed.best_fit import fit_seds
from clusterphot.stack.combine import stack_counts, weighted_medians

BINS = {
    "halo": (0.0, 100.0, 300.0, 1000.0, 3000.0, np.inf),
    "snr": (0.0, 3.0, 5.0, 10.0, 20.0, 50.0, np.inf),
    "mag": (-np.inf, 26.0, 27.0, 28.0, 29.0, 30.0, np.inf),
}
"""Edges of the bins: true halo light in nJy/arcsec2, true flux over flux_err, true AB magnitude."""

DEFINITIONS = {
    "flux": "pulls with flux_err; bias is the fraction measured / true - 1",
    "flux_rescaled": "the same after division by the common factor found as flux_scale: random errors alone",
    "flux_scale": "common factor less 1 from sources of high S/N; sys_error is what flux_err_sys says of it, "
    "median_pull the bias over both errors",
    "colour": "magnitudes, both filters above 10 sigma",
    "stack": "flux of the stack over the median (or weighted mean) true flux of its sources, less 1",
    "stack_measured": "the same against the measured fluxes: what the stacking itself does",
    "age_gyr": "Gyr",
    "metallicity_zsun": "solar units",
    "log_mass": "dex",
    "binned_by": "halo: true light under the source, nJy/arcsec2; snr: true flux over flux_err; "
    "mag: true AB magnitude",
}
"""Meaning of the rows of the summary, for its metadata."""

SCALE_SNR = (20.0, 10.0)
SCALE_MIN = 10
"""The common factor comes from sources above the first S/N, above the second where the first has fewer."""

COLOUR_SNR = 10.0
MEDIAN_ERROR = np.sqrt(np.pi / 2)
"""Error of the median of normal deviates over that of their mean."""

POPULATION = ("age_gyr", "metallicity_zsun", "log_mass")


def read_truth(path):
    """Truth of a field: a table with id, per filter flux_F [nJy], and what else is known of the sources.

    Parameters
    ----------
    path : str
        csv, tsv, ecsv or fits; optional columns x_F, y_F [0-based px], sb_F [nJy/arcsec2], flux0_F [nJy,
        de-reddened], true_age_gyr, true_metallicity_zsun, true_log_mass.

    Returns
    -------
    truth : `astropy.table.Table`
    """
    table = read_user_table(str(path), "truth")
    columns = {name: parse_carried(table.texts(name, "")) for name in table.names if name != table.find("id")}
    for name in columns:
        if re.match("flux0?_", name):
            columns[name] = table.floats(name, unit="nJy", missing=True, expected="a flux in nJy")
    return Table({"id": table.ids(), **columns})


# ---- one row per source ----------------------------------------------------------------------------------


def match_truth(photometry, truth, filters):
    """Measured and true values of each source side by side.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        Columns id and per filter flux_F, flux_err_F, flux_err_sys_F, flags_F, x_F, y_F.
    truth : `astropy.table.Table`
        Columns id and per filter flux_F, where known x_F, y_F, sb_F, of these sources and others.
    filters : sequence of str

    Returns
    -------
    table : `astropy.table.Table`
        One row per source of ``photometry``, in its order; NaN where the truth has no such id.
    """
    row_of = {str(name): row for row, name in enumerate(truth["id"])}
    rows = np.array([row_of.get(str(name), -1) for name in photometry["id"]])
    table = Table({"id": [str(name) for name in photometry["id"]]})

    def true(name):
        return np.where(rows >= 0, _floats(truth, name)[rows], np.nan)

    for filt in filters:
        flux, err = (_floats(photometry, f"{name}_{filt}") for name in ("flux", "flux_err"))
        table[f"true_flux_{filt}"] = true(f"flux_{filt}")
        table[f"flux_{filt}"], table[f"flux_err_{filt}"] = flux, err
        table[f"flux_err_sys_{filt}"] = _floats(photometry, f"flux_err_sys_{filt}")
        table[f"flags_{filt}"] = np.ma.filled(np.ma.asarray(photometry[f"flags_{filt}"]), 0).astype(int)
        table[f"pull_{filt}"] = (flux - table[f"true_flux_{filt}"]) / np.where(err > 0, err, np.nan)
        table[f"halo_{filt}"] = true(f"sb_{filt}")
        for axis in "xy":
            table[f"offset_{axis}_{filt}"] = _floats(photometry, f"{axis}_{filt}") - true(f"{axis}_{filt}")
    return table


def _floats(table, name):
    """Column as floats, NaN where masked or missing."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    return np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)


def add_populations(matched, truth, dereddened, fitted, models, options):
    """Add ages, metallicities and masses, fitted and true, to the table of `match_truth`.

    Parameters
    ----------
    matched : `astropy.table.Table`
        Changed in place.
    truth : `astropy.table.Table`
        With flux0_F, or flux_F and the extinction of ``dereddened``; columns true_age_gyr,
        true_metallicity_zsun, true_log_mass are used where it has them.
    dereddened : `astropy.table.Table`
        De-reddened photometry, for the errors.
    fitted : `astropy.table.Table`
        Results of the SED fit: id, age_gyr, metallicity_zsun, log_mass, log_mass_err, flags.
    models, options
        As in `clusterphot.sed.best_fit.fit_seds`.

    Notes
    -----
    Where the truth has fluxes but no populations, the true population is what the same fit gives for the true
    de-reddened fluxes with the errors of the measured ones. It says what noise and photometry do to the
    results, not how well the models describe star clusters.
    """
    row_of = {str(name): row for row, name in enumerate(truth["id"])}
    known = np.array([str(name) in row_of for name in matched["id"]])
    rows = np.array([row_of.get(str(name), 0) for name in matched["id"]])
    flux0, err = _true_dereddened(truth, rows, dereddened, matched["id"], models.filters)
    columns, _ = fit_seds(np.where(known[:, None], flux0, np.nan), err, models, options)
    fit_row = {str(name): row for row, name in enumerate(fitted["id"])}
    order = [fit_row[str(name)] for name in matched["id"]]
    for name in (*POPULATION, "log_mass_err"):
        matched[name] = _floats(fitted, name)[order]
    for name in POPULATION:
        given = _floats(truth, f"true_{name}")[rows]
        matched[f"true_{name}"] = np.where(known & np.isfinite(given), given, columns[name])
    matched["flags_sed"] = np.asarray(fitted["flags"], dtype=int)[order]


def _true_dereddened(truth, rows, dereddened, ids, filters):
    """True de-reddened fluxes, from the extinction applied where the truth has none, and measured errors."""
    row_of = {str(name): row for row, name in enumerate(dereddened["id"])}
    order = [row_of[str(name)] for name in ids]
    fluxes = []
    for filt in filters:
        known = f"flux0_{filt}" in truth.colnames
        values = _floats(truth, f"flux0_{filt}" if known else f"flux_{filt}")[rows]
        fluxes.append(values if known else deredden(values, _floats(dereddened, f"A_{filt}")[order]))
    return np.array(fluxes).T, flux_arrays(dereddened, filters)[1][order]


# ---- summary ---------------------------------------------------------------------------------------------


def summarise(matched, filters, stacks=()):
    """Biases and pulls of all quantities and bins.

    Parameters
    ----------
    matched : `astropy.table.Table`
        See `match_truth`.
    filters : sequence of str
        In the order of wavelength; colours are those of neighbours in this order.
    stacks : sequence of `clusterphot.stack.build.Stack`

    Returns
    -------
    summary : `astropy.table.Table`
        Columns quantity, band, binned_by, bin_low, bin_high, n, n_flagged, median_pull, pull_scatter,
        beyond_5_sigma, flagged_fraction, bias, bias_err, sys_error, dx_px, dy_px. Bins without sources are
        left out.
    """
    rows = []
    for filt in filters:
        rows += flux_rows(matched, filt)
    for blue, red in zip(filters[:-1], filters[1:], strict=True):
        rows.append(colour_row(matched, blue, red))
    for stack in stacks:
        rows += stack_rows(matched, stack)
    if "true_log_mass" in matched.colnames:
        rows += population_rows(matched)
    names = list(_row("", "", np.zeros(0)))
    return Table({name: [row[name] for row in rows] for name in names})


def _row(quantity, band, difference, *, pull=None, binned_by="all", low=np.nan, high=np.nan, **more):
    """One row of the summary from differences and pulls of the sources in it."""
    difference = np.asarray(difference, dtype=float)
    difference = difference[np.isfinite(difference)]
    pull = np.zeros(0) if pull is None else np.asarray(pull, dtype=float)
    pull = pull[np.isfinite(pull)]
    row = {
        "quantity": quantity, "band": band, "binned_by": binned_by, "bin_low": low, "bin_high": high,
        "n": len(difference), "n_flagged": 0, "median_pull": median(pull),
        "pull_scatter": robust_scatter(pull),
        "beyond_5_sigma": float(np.mean(np.abs(pull) > 5)) if len(pull) else np.nan,
        "flagged_fraction": np.nan, "bias": median(difference),
        "bias_err": MEDIAN_ERROR * robust_scatter(difference) / np.sqrt(max(len(difference), 1)),
        "sys_error": np.nan, "dx_px": np.nan, "dy_px": np.nan,
    }  # fmt: skip
    return row | more


def excess(measured, true):
    """Fraction measured / true - 1, NaN where the truth is not positive."""
    positive = np.asarray(true) > 0
    return np.where(positive, measured / np.where(positive, true, 1.0) - 1, np.nan)


def median(values):
    """Median, NaN of nothing."""
    return float(np.median(values)) if len(values) else np.nan


def robust_scatter(values):
    """1.4826 times the median absolute deviation, NaN of fewer than two values."""
    return float(mad_sigma(values)) if len(values) > 1 else np.nan


def flux_rows(matched, filt):
    """Rows of one filter: all, flagged, rescaled, the common factor, and every bin."""
    flux, true, err, flags = (
        np.asarray(matched[f"{name}_{filt}"]) for name in ("flux", "true_flux", "flux_err", "flags")
    )
    pull = np.asarray(matched[f"pull_{filt}"])
    offsets = {f"d{axis}_px": np.asarray(matched[f"offset_{axis}_{filt}"]) for axis in "xy"}
    known, flagged = np.isfinite(true), flags != 0
    fraction = excess(flux, true)
    by = {"halo": np.asarray(matched[f"halo_{filt}"]), "snr": true / err, "mag": mag_ab(true)}

    def row(inside, quantity="flux", **bins):
        clean = inside & known & ~flagged
        places = {name: median(values[clean & np.isfinite(values)]) for name, values in offsets.items()}
        n_flagged = int((inside & known & flagged).sum())
        total = max(int((inside & known).sum()), 1)
        shares = {"n": int((clean & np.isfinite(pull)).sum())}
        shares |= {"n_flagged": n_flagged, "flagged_fraction": n_flagged / total}
        return _row(quantity, filt, fraction[clean], pull=pull[clean], **places, **shares, **bins)

    everything = np.ones(len(flux), dtype=bool)
    rows = [
        row(everything),
        _row("flux", filt, fraction[known & flagged], pull=pull[known & flagged], binned_by="flagged"),
    ]
    scale = scale_row(matched, filt)
    rows.append(scale)
    if np.isfinite(scale["bias"]):
        corrected = flux / (1 + scale["bias"])
        use = known & ~flagged
        rows.append(
            _row("flux_rescaled", filt, excess(corrected, true)[use], pull=((corrected - true) / err)[use])
        )
    for name, edges in BINS.items():
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            inside = (by[name] >= low) & (by[name] < high)
            if (inside & known).any():
                rows.append(row(inside, binned_by=name, low=low, high=high))
    return rows


def scale_row(matched, filt):
    """Common factor of the fluxes of a filter, with the systematic error quoted for it."""
    flux, true, err, sys = (
        np.asarray(matched[f"{name}_{filt}"]) for name in ("flux", "true_flux", "flux_err", "flux_err_sys")
    )
    clean = (
        np.isfinite(flux)
        & np.isfinite(err)
        & np.isfinite(true)
        & (true > 0)
        & (np.asarray(matched[f"flags_{filt}"]) == 0)
    )
    snr = true / err
    use = clean & (snr >= SCALE_SNR[0])
    use = use if use.sum() >= SCALE_MIN else clean & (snr >= SCALE_SNR[1])
    quoted = sys[use] / np.abs(flux[use])
    row = _row("flux_scale", filt, excess(flux, true)[use], sys_error=median(quoted[np.isfinite(quoted)]))
    error = np.hypot(row["bias_err"], np.nan_to_num(row["sys_error"]))
    return row | {"median_pull": row["bias"] / error if error > 0 else np.nan, "beyond_5_sigma": np.nan}


def colour_row(matched, blue, red):
    """Colour in magnitudes of two filters, of sources above `COLOUR_SNR` in both."""
    difference, variance, use, sys = 0.0, 0.0, True, 0.0
    for filt, sign in ((blue, -1.0), (red, 1.0)):
        flux, true, err, quoted = (
            np.asarray(matched[f"{name}_{filt}"])
            for name in ("flux", "true_flux", "flux_err", "flux_err_sys")
        )
        clean = (
            np.isfinite(flux)
            & (true > COLOUR_SNR * err)
            & (flux > 0)
            & (true > 0)
            & (np.asarray(matched[f"flags_{filt}"]) == 0)
        )
        safe = np.where(clean, flux, 1.0)
        difference = difference + sign * MAG_PER_FRACTION * np.log(safe / np.where(clean, true, 1.0))
        variance = variance + (MAG_PER_FRACTION * np.where(clean, err, 0.0) / safe) ** 2
        sys = np.hypot(sys, MAG_PER_FRACTION * median((quoted / safe)[clean & np.isfinite(quoted)]))
        use = use & clean
    pull = difference[use] / np.sqrt(variance[use])
    return _row("colour", f"{blue}-{red}", difference[use], pull=pull, sys_error=float(sys))


def stack_rows(matched, stack):
    """Flux of a stack against the median, or weighted mean, flux of the sources in it, true and measured.

    Notes
    -----
    The error is that of the ratio over the bootstrap resamples of the stack: the scatter of fluxes between
    sources is in both and cancels. For a mean the fluxes are weighted equally, the pixels by their inverse
    variance.
    """
    filt, row_of = stack.filter_name, {str(name): row for row, name in enumerate(matched["id"])}
    rows = [row_of[name] for name in stack.ids]
    counts = stack_counts(len(rows), len(stack.resampled_flux) if rows else 0, stack.seed) * stack.is_in
    fluxes = np.concatenate([[stack.row["flux"]], stack.resampled_flux])
    result = []
    for quantity, name in (("stack", "true_flux"), ("stack_measured", "flux")):
        values = np.asarray(matched[f"{name}_{filt}"], dtype=float)[rows]
        good = np.isfinite(values)
        if not good.any() or not np.isfinite(fluxes[0]):
            continue
        if stack.method == "median":
            typical = weighted_medians(values[None], good[None], counts)[:, 0]
        else:
            typical = (counts * np.where(good, values, 0.0)).sum(axis=1) / (counts * good).sum(axis=1)
        ratio = fluxes / typical - 1
        error = float(np.std(ratio[1:], ddof=1))
        pull = {"median_pull": ratio[0] / error if error > 0 else np.nan}
        more = {
            "bias_err": error,
            "n": int(stack.is_in.sum()),
            "sys_error": stack.row["flux_err_sys"] / abs(stack.row["flux"]),
        }
        result.append(_row(quantity, filt, ratio[:1]) | pull | more)
    return result


def population_rows(matched):
    """Ages, metallicities and masses of sources whose SED fit is clean."""
    # what a fit found is an outcome: to select by it would bias what is left
    clean = (np.asarray(matched["flags_sed"]) & ~int(FOUND_BY_FIT)) == 0
    rows = []
    for name in POPULATION:
        difference = np.asarray(matched[name]) - np.asarray(matched[f"true_{name}"])
        known = np.isfinite(difference)
        pull = difference / np.asarray(matched["log_mass_err"]) if name == "log_mass" else None
        n_flagged = int((known & ~clean).sum())
        rows.append(
            _row(
                name,
                "",
                difference[clean],
                pull=None if pull is None else pull[clean & known],
                n_flagged=n_flagged,
                flagged_fraction=n_flagged / max(int(known.sum()), 1),
            )
        )
    return rows
