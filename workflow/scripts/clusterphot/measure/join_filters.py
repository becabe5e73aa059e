"""The photometry table: one row per source, the columns of all filters side by side. Fluxes nJy."""

import numpy as np
from astropy.table import Table

from clusterphot.base.flags import Flag
from clusterphot.measure.fit_rows import POSITION_ERRORS, TABLE_COLUMNS

WRITTEN = tuple(name for name in TABLE_COLUMNS if name not in POSITION_ERRORS)
"""Quantities of each filter in the merged table, in this order."""


def join_filters(fits, listed, zero_point_errors):
    """Photometry of a chunk in all filters.

    Parameters
    ----------
    fits : list of `astropy.table.Table`
        From `clusterphot.measure.fit.fit_sources`, one per filter.
    listed : `astropy.table.Table`
        Rows of the source list: id, ra, dec and what the user carries along.
    zero_point_errors : dict of str to float
        Fractional 1-sigma error of each filter's zero point, added in quadrature to that of the PSF.

    Returns
    -------
    table : `astropy.table.Table`
        The rows of ``listed``; ``flags`` unites those of all filters, NO_DATA only where no filter has data.

    Raises
    ------
    ValueError
        If a filter does not hold exactly the listed sources.
    """
    table = listed.copy()
    flags = np.zeros(len(table), dtype=int)
    without_data = np.full(len(table), int(Flag.NO_DATA))
    columns = {}
    for fit in fits:
        filt = fit.meta["filter"]
        targets = fit[np.asarray(fit["is_target"], dtype=bool)]
        row_of = {name: row for row, name in enumerate(targets["id"])}
        if set(row_of) != set(table["id"]) or len(targets) != len(table):
            raise ValueError(f"{filt} holds {len(targets)} sources, the chunk {len(table)}")
        targets = targets[[row_of[name] for name in table["id"]]]
        for quantity in WRITTEN:
            columns[f"{quantity}_{filt}"] = np.ma.filled(targets[f"{quantity}_{filt}"], np.nan)
        zero_point = zero_point_errors[filt] * np.abs(columns[f"flux_{filt}"])
        columns[f"flux_err_sys_{filt}"] = np.hypot(columns[f"flux_err_sys_{filt}"], zero_point)
        of_filter = np.asarray(columns[f"flags_{filt}"], dtype=int)
        flags |= of_filter & ~int(Flag.NO_DATA)
        without_data &= of_filter & int(Flag.NO_DATA)
    flags |= without_data
    table["flags"] = flags
    return Table({**{name: table[name] for name in table.colnames}, **columns})
