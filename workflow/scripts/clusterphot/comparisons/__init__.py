"""What else there is: galaxies and stars among the sources, black bodies, other samples, the brightest galaxy."""
