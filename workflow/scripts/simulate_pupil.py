"""The pupil of a simulated field's telescope, which all its filters share (rule simulate_pupil)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_ecsv
from clusterphot.optics.pupil import pupil, write_pupil
from clusterphot.simulate.truth import config_of


def main(smk):
    """Compute amplitude and wavefront error for the optics of the truth's field."""
    truth = read_ecsv(smk.input.truth)
    write_pupil(smk.output.pupil, pupil(config_of(truth).optics()))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
