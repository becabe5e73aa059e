"""Sources behind a gravitational lens: magnifications, and what is intrinsic to the sources."""
