"""Inside the interchange: which manager gets what, and how messages reach it.

interchange (poll loop) --> placement.PlacementMachine: events in, effects out
                              backlog   what waits, by priority        openings   who has room, and how much
                              roster    managers and what they hold    idleness   which blocks hold nothing
                              function_cache  functions by hash
                              lifetimes, timed_backlog  managers that end, and what they have time for
                        --> delivery: carries effects out; parcels divides batches; listeners binds the sockets
                        --> liveness: whether the driver is there; notices: what users should know, rate-limited
"""
