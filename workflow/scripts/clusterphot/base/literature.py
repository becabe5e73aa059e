"""Values of the literature that figures and models compare with, read from resources/literature/.

Each table names the source of its numbers; columns and units are in its header.
"""

from astropy.table import Table

from clusterphot.base.files import own_file


def read_literature(path):
    """Table of cited values.

    Parameters
    ----------
    path : str
        An ECSV file of resources/literature/.

    Returns
    -------
    table : `astropy.table.Table`
        Its metadata, or its column ``source``, say where the numbers are from.

    Raises
    ------
    ValueError
        If the table names no source.
    DataError
        If it is damaged.
    """
    with own_file(path):
        table = Table.read(path, format="ascii.ecsv")
    if "source" not in table.colnames and "source" not in table.meta:
        raise ValueError(f"{path} names no source of its numbers")
    return table
