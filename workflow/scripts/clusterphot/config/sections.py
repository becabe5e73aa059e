"""The configuration as a whole: its sections in their order.

A user's file is held against the schema made here by `clusterphot.run.configuration.check_schema`, which refuses
unknown keys, wrong kinds and values out of range.
"""

from clusterphot.config.comparison import ComparisonSection, ContaminationSection, StarsSection
from clusterphot.config.detection import CompletenessSection, DetectionSection
from clusterphot.config.dust import DustSection
from clusterphot.config.fields import FieldSection
from clusterphot.config.forecast import ForecastSection
from clusterphot.config.keys import REQUIRED, complete, key, schema_of, section, sentence_of
from clusterphot.config.luminosity import LuminositySection
from clusterphot.config.mosaics import MosaicsSection
from clusterphot.config.photometry import PhotometrySection
from clusterphot.config.population import PopulationSection
from clusterphot.config.proof import ProofSection
from clusterphot.config.psf import PsfSection
from clusterphot.config.run import BatchingSection, CosmologySection, FiguresSection, TablesSection
from clusterphot.config.sed import SedSection
from clusterphot.config.simulation import SimulationSection
from clusterphot.config.sizes import SizesSection
from clusterphot.config.ssp_grids import SspGridSection
from clusterphot.config.stack import StackSection


def whole(model):
    """Key of a section, all of whose keys have defaults."""
    return key(model, sentence_of(model))


@section
class Configuration:
    """Configuration of clusterphot: every key with meaning, unit, kind and range; unknown keys are errors."""

    fields: dict[str, FieldSection] = key(
        REQUIRED,
        "Fields to analyse; the name of each is the wildcard {field} of the result paths.",
        min_names=1,
    )
    mosaics: MosaicsSection = whole(MosaicsSection)
    psf: PsfSection = whole(PsfSection)
    photometry: PhotometrySection = whole(PhotometrySection)
    detection: DetectionSection = whole(DetectionSection)
    completeness: CompletenessSection = whole(CompletenessSection)
    luminosity: LuminositySection = whole(LuminositySection)
    stack: StackSection = whole(StackSection)
    sizes: SizesSection = whole(SizesSection)
    dust: DustSection = whole(DustSection)
    ssp_grids: dict[str, SspGridSection] = key(
        {"bc03": {"reader": "embedded"}},
        "Named grids of simple stellar populations; the name is the wildcard {grid}.",
        min_names=1,
        names="^[A-Za-z][A-Za-z0-9_]*$",
    )
    sed: SedSection = whole(SedSection)
    population: PopulationSection = whole(PopulationSection)
    stars: StarsSection = whole(StarsSection)
    contamination: ContaminationSection = whole(ContaminationSection)
    comparison: ComparisonSection = whole(ComparisonSection)
    proof: ProofSection = whole(ProofSection)
    batching: BatchingSection = whole(BatchingSection)
    cosmology: CosmologySection = whole(CosmologySection)
    tables: TablesSection = whole(TablesSection)
    figures: FiguresSection = whole(FiguresSection)
    forecast: ForecastSection = whole(ForecastSection)


def complete_configuration(config):
    """Fill in every default that a configuration lacks.

    Parameters
    ----------
    config : dict
        Changed in place; what is of the wrong kind is left for the check.
    """
    sed = config.get("sed")
    if isinstance(sed, dict) and isinstance(sed.get("age_gyr"), list):
        sed["age_gyr"] = {"ages": sed["age_gyr"]}
    complete(config, Configuration)
    fields = config.get("fields")
    for field in fields.values() if isinstance(fields, dict) else ():
        if isinstance(field, dict) and isinstance(field.get("magnification"), int | float):
            field["magnification"] = {"value": field["magnification"]}
        if isinstance(field, dict) and isinstance(field.get("simulation"), dict):
            complete(field["simulation"], SimulationSection)


def configuration_schema():
    """JSON Schema of the whole configuration."""
    return schema_of(Configuration)
