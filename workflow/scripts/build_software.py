"""Build and check a program that is no part of the workflow (commands `make tractor` and `make fsps`, not a rule).

It lies beside the drivers because Python then finds the package without being told where.
"""

import argparse
import os
import sys

from clusterphot.base.errors import UserError
from clusterphot.config.ssp_grids import FspsKeys
from clusterphot.run.software import build_fsps, build_tractor


def parse(argv):
    """Arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--start", default=os.getcwd(), help="folder that folders are relative to")
    programs = parser.add_subparsers(dest="program", required=True)
    tractor = programs.add_parser("tractor")
    tractor.add_argument("--tractor", default="", help="git address or folder")
    tractor.add_argument("--astrometry", default="", help="git address or folder of Astrometry.net")
    fsps = programs.add_parser("fsps")
    fsps.add_argument("--data", default="", help="folder or git address of the data")
    fsps.add_argument("--isochrones", default=FspsKeys.isochrones)
    fsps.add_argument("--spectra", default=FspsKeys.spectra)
    for program in (tractor, fsps):
        program.add_argument("--folder", help="where it goes; default a folder in the workflow's")
    return parser.parse_args(argv)


def main(argv=None):
    """Build, say what was done, and return the exit status."""
    args = vars(parse(argv))
    build = {"tractor": build_tractor, "fsps": build_fsps}[args.pop("program")]
    if args["folder"] is None:
        del args["folder"]
    try:
        build(args.pop("start"), **args)
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
