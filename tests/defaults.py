"""The defaults of config/config.yaml, for tests that need a section whole."""

from pathlib import Path

import yaml

DEFAULTS = yaml.safe_load(
    (Path(__file__).resolve().parents[1] / "config" / "config.yaml").read_text(encoding="utf-8")
)
