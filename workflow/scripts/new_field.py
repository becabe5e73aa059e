"""Write a starter configuration for a folder of mosaics (command `make new`, not a rule).

It lies beside the drivers because Python then finds the package without being told where.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

from clusterphot.base.errors import UserError
from clusterphot.run.starter import MARK, write_starter

REPO = Path(__file__).resolve().parents[2]


def parse(argv):
    """Arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--field", required=True, help="name of the field; becomes a folder of results/")
    parser.add_argument("--folder", help="folder with the mosaics; default the one you stand in")
    parser.add_argument("--out", help="file to write; default <field>.yaml in the folder of the mosaics")
    parser.add_argument("--start", default=os.getcwd(), help="folder that both are relative to")
    return parser.parse_args(argv)


def main(argv=None):
    """Write the file, say what is in it and what comes next; returns the exit status."""
    args = parse(argv)
    warnings.simplefilter("ignore")  # of astropy about headers
    folder = os.path.normpath(os.path.join(args.start, args.folder or ""))
    out = os.path.normpath(os.path.join(args.start, args.out or os.path.join(folder, f"{args.field}.yaml")))
    try:
        found = write_starter(args.field, folder, out)
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"Wrote {out}")
    print(f"  filters: {', '.join(found.mosaics) or 'none recognised'}")
    for mosaic in [*found.mosaics.values(), *found.spare]:
        if mosaic.problem:
            print(f"  {MARK}: {mosaic.problem}")
    print(
        f"Fill in what is marked {MARK} (redshift, ebv{'' if found.source_lists else ', sources'}), then, in {REPO}:"
    )
    print(f"  make check CONFIG={out}")
    print(f"  make run CONFIG={out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
