"""The HelloWorld operator: a greeting service for every HelloWorld object."""

# The distribution's version (pyproject.toml; a test compares them). Asking importlib.metadata for
# it would cost the webhook 7 MB.
__version__ = "0.7.0"
