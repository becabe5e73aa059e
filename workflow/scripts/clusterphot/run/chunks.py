"""Dealing sources into chunks: by a stable hash of the id, never by row order.

Linear hashing (Litwin 1980, Proc. 6th VLDB, 212) lets the number of chunks grow one at a time; each step
splits a single chunk, so that a longer source list does not redeal all sources.
"""

import hashlib
import re
import urllib.parse
from decimal import Decimal

SOURCES_PER_CHUNK = 2100
"""Size at which ``auto`` splits: a chunk in six filters takes 20 s to its SED fits, half of it start-up and imports
(docs/scale.md). Not a round number, so that one source more in a list of 10,000 splits no chunk."""

SINGLE = "src-"
NAME = r"(z[\d.]+)?c\d+|src-[^/]+"
"""Regular expression of the names of chunks."""
MAX_NAME = 100
"""Characters of the name of a chunk that are kept: names of files have 255 bytes at most."""


def stable_hash(source_id):
    """64-bit hash of an id, the same on every machine and in every version of Python."""
    return int.from_bytes(hashlib.blake2b(source_id.encode("utf-8"), digest_size=8).digest(), "big")


def bucket(value, n_chunks):
    """Chunk number of a hash value among ``n_chunks`` by linear hashing."""
    level = 1 << (n_chunks.bit_length() - 1)
    number = value % (2 * level)
    return number if number < n_chunks else value % level


def single_chunk(source_id):
    """Name of the chunk that holds one source only; any character of the id is encoded, a long one ends in its hash.

    So does one that ends in something many times over, which Snakemake would take for a path without end.
    """
    name = SINGLE + urllib.parse.quote(source_id, safe="")
    if len(name) > MAX_NAME or re.search(r"(.+)\1{19}$", name):
        return f"{name[: MAX_NAME // 2]}~{stable_hash(source_id):016x}"
    return name


def deal(ids, n_chunks, own_redshifts=None):
    """Chunks of a source list.

    Parameters
    ----------
    ids : sequence of str
    n_chunks : int, 'auto' or 'per_source'
    own_redshifts : dict of str to float, optional
        By id, of sources that are not at the field's redshift: a chunk holds sources of one redshift, ``z1.378c000``
        those of z = 1.378, so that it is fitted with one grid of models.

    Returns
    -------
    chunks : dict of str to list of str
        Chunk name to the ids in it, in the order of the list; no chunk is empty.
    """
    if n_chunks == "per_source":
        return {single_chunk(name): [name] for name in ids}
    if own_redshifts:
        alike = {None: [name for name in ids if name not in own_redshifts]}
        for name in ids:
            if name in own_redshifts:
                alike.setdefault(own_redshifts[name], []).append(name)
        return {
            chunk if z is None else f"z{Decimal(repr(z)).normalize():f}{chunk}": members
            for z, group in alike.items()
            for chunk, members in deal(group, n_chunks).items()
        }
    if n_chunks == "auto":
        n_chunks = -(-len(ids) // SOURCES_PER_CHUNK)
    numbers = [bucket(stable_hash(name), max(n_chunks, 1)) for name in ids]
    chunks = {f"c{number:03d}": [] for number in sorted(set(numbers))}
    for name, number in zip(ids, numbers, strict=True):
        chunks[f"c{number:03d}"].append(name)
    return chunks
