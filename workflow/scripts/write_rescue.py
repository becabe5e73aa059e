"""The sources of a field in the layout that the RESCUE collaboration asks for (rule write_rescue)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.publish.machine_tables import DETECTION_SIGMA, rescue


def main(smk):
    table, reference = rescue(read_table(smk.input.photometry), reference_filter=smk.params.reference_filter)
    facts = {
        "reference_filter": reference,
        "detection_sigma": DETECTION_SIGMA,
        "milky_way_dust": "corrected" if smk.params.is_dereddened else "not corrected",
        "equinox": "J2000",
    }
    meta = provenance("write_rescue", smk.wildcards, smk.params, **facts)
    write_table(smk.output.ecsv, table, meta=meta)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
