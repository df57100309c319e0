"""A Docker engine: the one that answers, or one that is started here; and what is built with it."""
