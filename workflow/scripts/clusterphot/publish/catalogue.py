"""The joined catalogue of a field: one row per source, fluxes and the values to use, flags of each table by name."""

from astropy.table import Table

from clusterphot.base.tables import carried_columns, flux_filters

POSTERIORS = ("age_gyr", "metallicity_zsun", "log_mass", "ml_v")
QUANTILES = ("p16", "p50", "p84")
FIT = ("p_age_edge", "chi2", "dof", "n_bands")
SIZE = ("radius_pc", "radius_limit_pc", "resolved")


def catalogue(dereddened, clusters, *, observed=None, sizes=None):
    """Fluxes, populations and sizes of the sources side by side.

    Parameters
    ----------
    dereddened, clusters : `astropy.table.Table`
        Fluxes without Milky Way dust, and SED fits.
    observed, sizes : `astropy.table.Table`, optional
        Fluxes as observed, and limits of sizes; a row of the stack among those is left out.

    Returns
    -------
    table : `astropy.table.Table`
        id, ra, dec; per filter F flux_F, flux_err_F, flux_err_sys_F as observed, flux0_F, flux0_err_F,
        flux0_err_sys_F without dust, A_F, flags_F; medians and 1-sigma ends of the posteriors; flags_photometry,
        flags_sed, flags_sizes; columns carried from the user's list. Those that the field does not have are left out.
    carried : list of str
        Names of the last.

    Raises
    ------
    ValueError
        If the tables do not hold the same sources in the same order.
    """
    if sizes is not None:
        sizes = sizes[~sizes["is_stack"]]
    tables = [dereddened, clusters, *(table for table in (observed, sizes) if table is not None)]
    if any(list(table["id"]) != list(dereddened["id"]) for table in tables):
        raise ValueError("the tables hold different sources")
    photometry = dereddened if observed is None else observed
    own = set(carried_columns(photometry))
    joined = Table()

    def take(table, names):
        for new, name in names.items():
            if name in table.colnames and name not in own:
                joined[new] = table[name]

    take(photometry, {name: name for name in ("id", "ra", "dec")})
    for filt in flux_filters(dereddened):
        kinds = [f"{kind}{filt}" for kind in ("_", "_err_", "_err_sys_")]
        if observed is not None:
            take(observed, {f"flux{kind}": f"flux{kind}" for kind in kinds})
        take(dereddened, {f"flux0{kind}": f"flux{kind}" for kind in kinds} | {f"A_{filt}": f"A_{filt}"})
        take(photometry, {f"flags_{filt}": f"flags_{filt}"})
    values = [f"{quantity}_{quantile}" for quantity in POSTERIORS for quantile in QUANTILES]
    take(clusters, {name: name for name in (*values, *FIT)})
    take(photometry, {"flags_photometry": "flags"})
    take(clusters, {"flags_sed": "flags"})
    if sizes is not None:
        take(sizes, {name: name for name in SIZE} | {"flags_sizes": "flags"})
    carried = [name for name in carried_columns(photometry) if name not in joined.colnames]
    for name in carried:
        joined[name] = photometry[name]
    return joined, carried
