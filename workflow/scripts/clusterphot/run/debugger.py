"""The job behind a result in Python's debugger, in this process.

What the job writes goes to the folder `debug/`, so that results and Snakemake's records of them stay as they are.
"""

import importlib
import logging
import os
import pdb
import sys
import traceback
from pathlib import Path

from clusterphot.base.errors import DataError

FOLDER = "debug"


def debug_job(job):
    """Run the driver of a job from its first line on in the debugger, and again where an error stopped it.

    Parameters
    ----------
    job : Snakemake's job
        The one that makes the result.

    Returns
    -------
    ended : bool
        Whether the job came to its end or was left; not where it failed.

    Raises
    ------
    DataError
        If the job has no driver, or files that it reads are not there.
    """
    if job.rule.script is None:
        raise DataError(
            "FILE", job.name, "the path of a result", "a target stands for many files; take one of them."
        )
    missing = [path for path in job.input if not os.path.exists(path)]
    if missing:
        raise DataError(
            f"{job.name}, what it reads",
            f"no file {', '.join(missing)}",
            "the results before it",
            f"they are made by: make run [CONFIG=...] ARGS='{' '.join(missing)}'.",
        )
    main = importlib.import_module(Path(job.rule.script).stem).main
    smk = as_driver_sees_it(job)
    for path in smk.output:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    print(f"{job.name}: c runs it, b file:line stops there, q leaves it; output goes to {FOLDER}/")
    debugger = _Debugger()
    try:
        debugger.runcall(main, smk)
    except Exception as error:
        traceback.print_exc()
        pdb.post_mortem(error.__traceback__)
        return False
    print(f"{job.name}: {'left' if debugger.left else 'wrote ' + ' '.join(smk.output)}")
    return True


class _Debugger(pdb.Pdb):
    """Python's debugger, which remembers that it was left before the end."""

    left = False

    def set_quit(self):
        self.left = True
        super().set_quit()


def as_driver_sees_it(job):
    """What a driver is given for a job, with output in `debug/`."""
    from snakemake.iocontainers import OutputFiles
    from snakemake.script import Snakemake

    return Snakemake(
        job.input,
        OutputFiles(toclone=job.output, custom_map=lambda path: str(Path(FOLDER, path))),
        job.params,
        job.wildcards,
        job.threads,
        job.resources,
        job.log,
        {},
        job.name,
        None,
    )
