"""An operator of two kinds with two versions each, converted by one webhook."""
