"""Results beside one another: fields of a run, published values, versions of a calibration."""
