"""What tests of an operator need from kopfkit: fixtures, a raw API client, waiting."""
