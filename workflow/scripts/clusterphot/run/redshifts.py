"""Redshifts of single sources: those of a list that are alike are fitted together, at one redshift.

Each redshift needs a grid of model fluxes of its own, so that values nearer than a step share one.
"""

from clusterphot.base import user_tables

MAX_REDSHIFT = 15.0
"""Beyond it no NIRCam filter sees starlight redward of Lyman alpha."""

EXPECTED = f"a redshift above 0, at most {MAX_REDSHIFT:g}; empty for that of the field"


def read_redshifts(path, where):
    """Redshifts of the sources of a user's table that has a column ``redshift``.

    Parameters
    ----------
    path : str
    where : str
        Key that names the file, for messages.

    Returns
    -------
    redshifts : dict of str to float
        By id, of the sources that have one; empty where there is no such column.

    Raises
    ------
    DataError
    """
    table = user_tables.read_user_table(path, where)
    if not table.find("redshift"):
        return {}
    values = table.floats("redshift", low=1e-6, high=MAX_REDSHIFT, missing=True, expected=EXPECTED)
    return {name: float(z) for name, z in zip(table.ids(), values, strict=True) if z == z}


def group_redshifts(redshifts, *, field_redshift, step):
    """Redshift at which each source is fitted.

    Parameters
    ----------
    redshifts : dict of str to float
        By id.
    field_redshift : float
    step : float
        Values of a group differ by this at most; 0 for a grid for each value.

    Returns
    -------
    fitted : dict of str to float
        By id: the middle of the group's ends, at most half a step from the value. Sources within half a step of the
        field's redshift are fitted at that and left out.
    """
    own = {name: z for name, z in redshifts.items() if abs(z - field_redshift) > 0.5 * step + 1e-12}
    groups = []
    for z in sorted(set(own.values())):
        if groups and z - groups[-1][0] <= step + 1e-12:
            groups[-1].append(z)
        else:
            groups.append([z])
    middle = {
        z: z if len(group) == 1 else round(0.5 * (group[0] + group[-1]), 6) for group in groups for z in group
    }
    return {name: middle[z] for name, z in own.items()}
