"""Every key of the configuration, written once: default, kind, range and sentence; one module for each section.

From these classes follow config/config.yaml, config/README.md, the checks of a user's file, and the options that the
package takes. `keys` says how a key is written, `sections` has the sections in their order,
`clusterphot.run.configuration` refuses what they do not allow. Standard library only: each start of Snakemake and each
job imports this.
"""
