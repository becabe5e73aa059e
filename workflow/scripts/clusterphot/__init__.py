"""The science of clusterphot: plain arguments in, values out; nothing here knows Snakemake."""

__version__ = "0.2.0"
