"""Where Parsl keeps the configurations that its guide loads; tests of this package are not in it."""
