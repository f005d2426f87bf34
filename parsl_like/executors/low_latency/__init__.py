"""The low-latency executor of Parsl 1.2, at its path; so far a description."""
