"""The clusters of a field as one population: its ages, metallicities and masses, with all shared errors shared."""
