"""The configuration as a whole: its sections in their order."""

from clusterphot.config.comparison import Comparison, Contamination, Stars
from clusterphot.config.detection import Completeness, Detection
from clusterphot.config.dust import Dust
from clusterphot.config.fields import Field
from clusterphot.config.forecast import Forecast
from clusterphot.config.keys import REQUIRED, complete, key, schema_of, section, sentence_of
from clusterphot.config.luminosity import Luminosity
from clusterphot.config.mosaics import Mosaics
from clusterphot.config.photometry import Photometry
from clusterphot.config.psf import Psf
from clusterphot.config.run import Batching, Cosmology, Figures
from clusterphot.config.sed import Sed
from clusterphot.config.simulation import Simulation
from clusterphot.config.sizes import Sizes
from clusterphot.config.ssp_grids import SspGrid
from clusterphot.config.stack import Stack


def whole(model):
    """Key of a section, all of whose keys have defaults."""
    return key(model, sentence_of(model))


@section
class Configuration:
    """Configuration of clusterphot: every key with meaning, unit, kind and range; unknown keys are errors."""

    fields: dict[str, Field] = key(
        REQUIRED,
        "Fields to analyse; the name of each is the wildcard {field} of the result paths.",
        min_names=1,
    )
    mosaics: Mosaics = whole(Mosaics)
    psf: Psf = whole(Psf)
    photometry: Photometry = whole(Photometry)
    detection: Detection = whole(Detection)
    completeness: Completeness = whole(Completeness)
    luminosity: Luminosity = whole(Luminosity)
    stack: Stack = whole(Stack)
    sizes: Sizes = whole(Sizes)
    dust: Dust = whole(Dust)
    ssp_grids: dict[str, SspGrid] = key(
        {"bc03": {"reader": "embedded"}},
        "Named grids of simple stellar populations; the name is the wildcard {grid}.",
        min_names=1,
        names="^[A-Za-z][A-Za-z0-9_]*$",
    )
    sed: Sed = whole(Sed)
    stars: Stars = whole(Stars)
    contamination: Contamination = whole(Contamination)
    comparison: Comparison = whole(Comparison)
    batching: Batching = whole(Batching)
    cosmology: Cosmology = whole(Cosmology)
    figures: Figures = whole(Figures)
    forecast: Forecast = whole(Forecast)


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
        if isinstance(field, dict) and isinstance(field.get("simulation"), dict):
            complete(field["simulation"], Simulation)


def configuration_schema():
    """JSON Schema of the whole configuration."""
    return schema_of(Configuration)
