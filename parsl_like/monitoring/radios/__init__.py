"""Ways in which measurements of tasks come back from where they run: descriptions, one module each, as Parsl has them.

This version measures nothing on nodes yet; records of tasks come over the executors' own links.
"""
