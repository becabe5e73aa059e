"""Two runs compared: what is left to do, what was done, and whether results are the same."""

import re

import numpy as np
from astropy.io import fits
from astropy.table import Table
from running import REPO, command


def plan(cwd, *argv):
    """What is left to do in a working directory, planned without SLURM."""
    run = command("--snakefile", REPO / "Snakefile", "--cores", 1, "--dry-run", *argv, cwd=cwd)
    assert run.status == 0, run.stdout + run.stderr
    return run.jobs


def done_jobs(run):
    """Rules of the jobs that a run finished, in order."""
    return re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", run.stdout, re.MULTILINE)


def assert_equal_results(one, other):
    """All tables hold equal columns, all images equal pixels."""
    paths = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.suffix in (".ecsv", ".fits")]
    assert paths
    for path in paths:
        if path.suffix == ".ecsv":
            assert_equal_tables(one / path, other / path)
        else:
            with fits.open(one / path) as first, fits.open(other / path) as second:
                for hdu, twin in zip(first, second, strict=True):
                    if hdu.data is not None:
                        assert hdu.data.tobytes() == twin.data.tobytes(), (path, hdu.name)


def assert_equal_tables(one, other):
    """The same columns, in all their bits."""
    tables = [Table.read(path, format="ascii.ecsv") for path in (one, other)]
    assert tables[0].colnames == tables[1].colnames, one
    for name in tables[0].colnames:
        columns = [np.ma.filled(table[name]) for table in tables]
        assert columns[0].dtype == columns[1].dtype, (one, name)
        assert columns[0].tobytes() == columns[1].tobytes(), (one, name)
