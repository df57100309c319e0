"""What tests of an operator need from kopfkit."""
