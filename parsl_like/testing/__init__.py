"""For those who write plugins: contracts to subclass in a test suite, one for each seam. Needs nothing but pytest."""
