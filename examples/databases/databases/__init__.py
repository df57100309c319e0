"""The database operator, the example of `kopfkit.controller`."""
