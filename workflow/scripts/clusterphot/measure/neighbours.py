"""Which listed sources are so near one another that they must be cut out and fitted together.

Worked out while the rules are read, so that it imports nothing heavy. Positions deg (ICRS), distances arcsec.
"""

import numpy as np


def with_neighbours(sources, all_sources, *, radius_arcsec):
    """Chunk members with their neighbours among all listed sources.

    Parameters
    ----------
    sources, all_sources : list of (id, ra, dec), deg
    radius_arcsec : float
        Largest separation; at least the half diagonal of a cutout.

    Returns
    -------
    members : list of dict
        As `make_cutouts` takes them; neighbours in the order of their ids.
    """
    near = neighbours_of(all_sources, radius_arcsec=radius_arcsec)
    return [{"id": name, "ra": ra, "dec": dec, "neighbours": near.get(name, [])} for name, ra, dec in sources]


def neighbours_of(sources, *, radius_arcsec):
    """Every source's neighbours among all listed ones.

    Parameters
    ----------
    sources : list of (id, ra, dec), deg
    radius_arcsec : float

    Returns
    -------
    neighbours : dict of str to list of (id, ra, dec)
        In the order of their ids; sources without any are left out.

    Notes
    -----
    In the order of declination, each source is compared with the next one, the next but one, and so on until no
    pair is near enough in declination: for a list of any length a few steps of arithmetic with whole arrays.
    """
    unit = _unit_vectors([(ra, dec) for _, ra, dec in sources])
    limit = 2.0 * np.sin(np.deg2rad(radius_arcsec / 3600.0) / 2.0)
    order = np.argsort(unit[:, 2], kind="stable")
    unit, found = unit[order], []
    for step in range(1, len(order)):
        near = np.flatnonzero(unit[step:, 2] - unit[:-step, 2] <= limit)
        if len(near) == 0:
            break
        distance = np.sqrt(((unit[near + step] - unit[near]) ** 2).sum(axis=1))
        found += [(order[i], order[i + step]) for i in near[distance <= limit]]
    neighbours = {}
    for one, other in found:
        neighbours.setdefault(sources[one][0], []).append(tuple(sources[other]))
        neighbours.setdefault(sources[other][0], []).append(tuple(sources[one]))
    return {name: sorted(entries) for name, entries in neighbours.items()}


def _unit_vectors(positions):
    """Unit vectors (n, 3) of (ra, dec) pairs in degrees."""
    ra, dec = np.deg2rad(np.array(positions, dtype=float)).T
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
