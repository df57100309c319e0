"""An operator outside the cluster: its processes on this machine, against any cluster."""
