"""Measures HelloWorld operators side by side on one real control plane. See ../README.md."""
