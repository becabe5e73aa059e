"""The same cutouts fitted by several engines: differences of fluxes and positions, bounds, times.

Fluxes nJy, positions mosaic pixels, times milliseconds of the processor.
"""

import time
from dataclasses import replace

import numpy as np
from astropy.table import Table, vstack

from clusterphot.base.flags import Flag
from clusterphot.measure.fit import fit_sources

MIN_ROUNDS, MAX_ROUNDS = 3, 15
MAX_SECONDS = 4.0
"""Fits are repeated for their times, all engines in turn; rounds end when this long is spent on a kind of position."""

MIN_SPAN_SECONDS = 0.05
"""A time is taken over as many fits of the field as fill this, so that none is of a short moment."""

MIN_SNR = 5.0
"""S/N above which differences in percent are summed up."""


def compare_engines(chunks, psf, noise, wcs, options, engines, *, references=None, offset_px=(0.0, 0.0)):
    """Fit the sources of a field in one filter with each engine.

    Parameters
    ----------
    chunks : list of `clusterphot.base.products.Cutouts`
    psf : `clusterphot.base.products.Psf`
    noise : `clusterphot.base.products.Noise`
    wcs : `astropy.wcs.WCS`
    options : `clusterphot.measure.fit.FitOptions`
        All engines get the same; tied and free positions are both compared outside the reference filter.
    engines : sequence of str
        The first is compared with each other one.
    references : list of `astropy.table.Table` or None
        Fits of the chunks in the reference filter; None in that filter itself.
    offset_px : (dx, dy) floats
        As in `clusterphot.measure.fit.fit_sources`.

    Returns
    -------
    table : `astropy.table.Table`
        One row per source, kind of position and engine compared; ``times_ms`` in the metadata holds the
        time per source by kind of position and engine.
    """
    modes = ("free",) if references is None else ("tied", "free")
    parts, times = [], {}
    for mode in modes:
        jobs = [
            ((cutouts, psf, noise, wcs, replace(options, position=mode)), reference)
            for cutouts, reference in zip(chunks, references or [None] * len(chunks), strict=True)
        ]
        fits, spent = _fit(jobs, engines, offset_px)
        times |= {f"{mode} {name}": ms for name, ms in spent.items()}
        parts += [differences(fits[engines[0]], fits[name], mode, (engines[0], name)) for name in engines[1:]]
    table = vstack(parts, metadata_conflicts="silent")
    table.meta = {"filter": chunks[0].filter_name, "times_ms": times}
    return table


def _fit(jobs, engines, offset_px):
    """Fits of all chunks by each engine, the targets only, and its median time per source in ms.

    The engines take turns, so that whatever else the machine does slows all of them alike.
    """

    def run(engine):
        begin = time.process_time()
        fits = [
            fit_sources(*job, reference=reference, offset_px=offset_px, engine=engine)
            for job, reference in jobs
        ]
        return fits, time.process_time() - begin

    targets, repeats, spans = {}, {}, {name: [] for name in engines}
    for name in engines:
        run(name)  # imports, first calls
        fits, seconds = run(name)
        found = [fit[np.asarray(fit["is_target"], dtype=bool)] for fit in fits]
        targets[name] = vstack(found, metadata_conflicts="silent")
        repeats[name] = int(np.ceil(MIN_SPAN_SECONDS / max(seconds, 1e-3)))
    begin = time.process_time()
    for k in range(MAX_ROUNDS):
        if k >= MIN_ROUNDS and time.process_time() - begin > MAX_SECONDS:
            break
        for name in engines:
            spans[name].append(sum(run(name)[1] for _ in range(repeats[name])) / repeats[name])
    return targets, {name: 1e3 * float(np.median(spans[name])) / len(targets[name]) for name in engines}


def differences(reference, other, mode, names):
    """Differences between two engines, source by source.

    Parameters
    ----------
    reference, other : `astropy.table.Table`
        Targets fitted by `clusterphot.measure.fit.fit_sources`, in the same order.
    mode : {'tied', 'free'}
    names : (str, str)
        Names of the two engines.

    Returns
    -------
    table : `astropy.table.Table`

    Raises
    ------
    ValueError
        If the tables do not hold the same sources in the same order.
    """
    filt = reference.meta["filter"]
    if list(reference["id"]) != list(other["id"]):
        raise ValueError("the engines fitted other sources")
    first, second = (_Values(table, filt) for table in (reference, other))
    table = Table()
    table["id"] = reference["id"]
    n = len(table)
    table["filter"] = np.full(n, filt)
    table["position_mode"] = np.full(n, mode)
    table["engine"], table["reference_engine"] = np.full(n, names[1]), np.full(n, names[0])
    table["engine_flux"], table["reference_flux"] = second.flux, first.flux
    table["reference_flux_err"] = first.flux_err
    table["reference_snr"] = first.flux / first.flux_err
    table["difference_sigma"] = (second.flux - first.flux) / first.flux_err
    nonzero = np.where(first.flux != 0, first.flux, np.nan)
    table["difference_percent"] = 100.0 * (second.flux - first.flux) / nonzero
    table["shift_x_px"], table["shift_y_px"] = second.x - first.x, second.y - first.y
    table["at_bound"], table["reference_at_bound"] = second.at_bound, first.at_bound
    table["flags"] = second.flags | first.flags
    return table


class _Values:
    """Columns of one engine's fits."""

    def __init__(self, table, filt):
        self.flux, self.flux_err, self.x, self.y = (
            np.asarray(np.ma.filled(table[f"{name}_{filt}"], np.nan), dtype=float)
            for name in ("flux", "flux_err", "x", "y")
        )
        self.flags = np.asarray(table[f"flags_{filt}"], dtype=int)
        self.at_bound = (self.flags & int(Flag.AT_BOUND)) > 0


def summarise(table):
    """Differences of one filter in numbers.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `compare_engines`.

    Returns
    -------
    summary : `astropy.table.Table`
        One row per kind of position and engine compared. NaN where no fit counts.
    """
    rows = []
    pairs = zip(table["position_mode"], table["engine"], table["reference_engine"], strict=True)
    for mode, engine, reference in dict.fromkeys(pairs):
        part = table[(table["position_mode"] == mode) & (table["engine"] == engine)]
        rows.append(_summary_row(part, table.meta["times_ms"], (str(mode), str(engine), str(reference))))
    return Table(rows=rows)


def _summary_row(part, times, names):
    """Row of the summary for one kind of position and one pair of engines."""
    mode, engine, reference = names
    measured = np.isfinite(part["difference_sigma"])
    bounds = np.asarray(part["at_bound"]), np.asarray(part["reference_at_bound"])
    on_bound = bounds[0] | bounds[1]
    counted = measured & ~on_bound
    clear = counted & (np.asarray(part["reference_snr"]) > MIN_SNR)
    sigma = np.abs(part["difference_sigma"][counted])
    percent = np.asarray(part["difference_percent"][clear])
    shift = np.maximum(np.abs(part["shift_x_px"]), np.abs(part["shift_y_px"]))[counted]
    time_ms, reference_ms = times[f"{mode} {engine}"], times[f"{mode} {reference}"]
    return {
        "filter": str(part["filter"][0]),
        "position_mode": mode,
        "engine": engine,
        "reference_engine": reference,
        "n": int(counted.sum()),
        "n_at_bound": int((measured & on_bound).sum()),
        "bound_disagreement": float(np.mean((bounds[0] != bounds[1])[measured]))
        if measured.any()
        else np.nan,
        "median_abs_sigma": _quantile(sigma, 0.5),
        "p95_abs_sigma": _quantile(sigma, 0.95),
        "median_percent": _quantile(percent, 0.5),
        "p95_abs_percent": _quantile(np.abs(percent), 0.95),
        "p95_shift_px": _quantile(shift, 0.95),
        "time_ms": time_ms,
        "reference_time_ms": reference_ms,
        "time_ratio": time_ms / reference_ms,
    }


def _quantile(values, fraction):
    """Quantile of values, NaN where there are none."""
    return float(np.quantile(np.asarray(values), fraction)) if len(values) else np.nan
