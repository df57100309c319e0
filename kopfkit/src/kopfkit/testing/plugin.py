"""The pytest plugin: fixtures for tests against a real API server or a real cluster."""
