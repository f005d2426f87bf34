"""Files as arguments and results of tasks, and how they reach the places where tasks run."""
