"""Read a configuration before Snakemake does, which hangs at one that grows without end (`make run`, not a rule)."""

import sys

from clusterphot.base.errors import ConfigError
from clusterphot.config.loading import load_yaml


def main(paths):
    """Exit status: 1 where a file is no configuration, with one message."""
    try:
        for path in paths:
            load_yaml(path)
    except ConfigError as error:
        print(f"ConfigError: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
