"""Point spread functions from physical optics: pupil, wavefront, detector and drizzle."""
