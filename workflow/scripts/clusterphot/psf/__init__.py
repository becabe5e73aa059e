"""PSF of each filter from the field's own stars, the noise of blank sky, and offsets between bands."""
