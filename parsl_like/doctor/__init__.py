"""Looking at a configuration before a run: what would not work, why most likely, and what to do about it.

examination, executors: ask the probes, give what they saw to the checks, and gather what the checks found
  wishes     what is to be done beyond looking
  probes     touch the world and judge nothing: commands, ports, folders, a test block
  systems    how each batch system is asked for its queues, and what its answers mean; pure
  sightings  what was seen, as values; pure
  checks     from descriptions and sightings to findings; pure
  findings   what is wrong, in words, each with its fix; pure
"""
