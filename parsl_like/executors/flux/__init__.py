"""Flux: a scheduler for the nodes of one allocation, at Parsl's path; so far a description."""
