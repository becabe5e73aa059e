"""clusterphot: from JWST/NIRCam mosaics of a galaxy cluster to ages, metallicities and masses of its star clusters.

Table of contents: the stages are the files of workflow/rules/, in running order.
"""

import logging

from snakemake.utils import min_version

min_version("9.0")
# Lines of Snakemake's log that do not fit on a full disk are left out, without a traceback each.
logging.raiseExceptions = False


report: "workflow/report/workflow.rst"


configfile: workflow.current_basedir.join("config/config.yaml").get_path_or_uri(secret_free=True)


include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/mosaics.smk"
include: "workflow/rules/psf.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/stack.smk"
include: "workflow/rules/foreground.smk"
include: "workflow/rules/ssp.smk"
include: "workflow/rules/sed.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/sizes.smk"
include: "workflow/rules/luminosity.smk"
include: "workflow/rules/lensing.smk"
include: "workflow/rules/comparisons.smk"
include: "workflow/rules/population.smk"
include: "workflow/rules/proof.smk"
include: "workflow/rules/side_by_side.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/validation.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.psfs.input,
        rules.photometry.input,
        rules.stacks.input,
        rules.sizes.input,
        rules.seds.input,
        rules.lensing.input,
        rules.proof.input,
        rules.recovery.input,
        rules.comparisons.input,
        rules.side_by_side.input,
        rules.formation.input,
        rules.tables.input,
        rules.regions.input,
        rules.reproduction.input,
        rules.figures.input,
        rules.libraries.input,
        rules.report.input,
