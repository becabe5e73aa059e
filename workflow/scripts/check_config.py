"""Check a configuration before a run and print what was found (command `make check`, not a rule).

It lies beside the drivers because Python then finds the package without being told where.
"""

import argparse
import os
import shlex
import sys
import warnings
from pathlib import Path

import yaml
from clusterphot.base.errors import ConfigError, UserError
from clusterphot.run.checks.findings import ERROR
from clusterphot.run.checks.run import check_config

REPO = Path(__file__).resolve().parents[2]


def parse(argv):
    """Arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", help="configuration file; without it the shipped one is checked")
    parser.add_argument("--directory", help="working directory of the run; default the folder of the file")
    parser.add_argument("--start", default=os.getcwd(), help="folder that both are relative to")
    parser.add_argument("--deep", action="store_true", help="read every pixel and gzip files to their end")
    return parser.parse_args(argv)


def places(args):
    """Configuration file (absolute, or None) and working directory of a run.

    Raises
    ------
    ConfigError
        If the working directory does not exist.
    """
    if not args.config:
        return None, Path(args.start, args.directory) if args.directory else REPO
    config = Path(os.path.abspath(Path(args.start, args.config)))  # a link stays one: the run works beside it
    directory = Path(args.start, args.directory).resolve() if args.directory else config.parent
    if config.parent.is_dir() and not directory.is_dir():
        raise ConfigError(f"DIRECTORY={args.directory}", "no such folder", "the working directory of the run")
    return config, directory if directory.is_dir() else Path(args.start)


def main(argv=None):
    """Check, print the table, and return the exit status: 1 if there is an error."""
    args = parse(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # in a locale that cannot write all names
    warnings.simplefilter("ignore")  # of astropy about headers: what matters is among the findings
    try:
        config, directory = places(args)
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    os.chdir(directory)
    findings = check_config(config, REPO, deep=args.deep)
    print(findings.table())
    print(f"\n{findings.summary()}. Paths are relative to {directory}.")
    if findings.count(ERROR):
        return 1
    if config is not None:
        print(f"Next, in {REPO}: {next_command(config, directory)}")
    return 0


def next_command(config, directory):
    """What to run once a configuration is right: the search first, where a field has no list yet."""
    words = ["make run", shlex.quote(f"CONFIG={config}")]
    if directory != config.parent:
        words.append(shlex.quote(f"DIRECTORY={directory}"))
    fields = (yaml.safe_load(config.read_text(encoding="utf-8")) or {}).get("fields", {})
    if any(entry.get("sources") == "detect" for entry in fields.values()):
        words.append("ARGS=candidates")
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main())
