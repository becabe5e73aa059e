"""Runs Snakemake on request, each time in a fork of one process that has imported it.

An import of Snakemake takes most of a second, which is most of a dry run. A request is one line of JSON on
standard input (argv, cwd, stdout, stderr); the answer is one line with the exit status.
"""

import json
import os
import signal
import sys

TIMEOUT_S = 300


def run(request):
    """Be the command ``snakemake`` in this process; does not return."""
    signal.alarm(TIMEOUT_S)
    os.chdir(request["cwd"])
    for descriptor, path in ((1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["snakemake", *request["argv"]]
    sys.exit(snakemake.cli.main(request["argv"]))


if __name__ == "__main__":
    import astropy.io.fits
    import astropy.table
    import astropy.wcs.utils  # noqa: F401
    import h5py  # noqa: F401
    import jsonschema  # noqa: F401
    import nbformat  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import smart_open  # noqa: F401
    import snakemake.cli

    snakemake.cli.get_argument_parser()  # imports the plugins
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
