"""What people call from Python, notebooks and their own programs: see `clusterphot.open_run` and its neighbours."""
