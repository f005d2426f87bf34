"""Work Queue: workers of the Cooperative Computing Tools, at Parsl's path; so far a description."""
