"""The high-throughput executor: tasks on worker processes, on this machine or on thousands of nodes.

    driver process                interchange process           each node                        each worker
    --------------                -------------------           ---------                        -----------
    session (owner thread)        interchange (poll loop)       manager (poll loop)              worker
      submit: items, batched        placement.PlacementMachine    dispatch: who gets what          reads a packet
      broker: process, links          queue, credit, heartbeats   workers: processes, deaths       unpacks, calls, packs
      results -> events               forwards result frames      pipe: packets, memory files      writes the result
            |       ^                     |            ^              |            ^                    |
            |data   |control              |data        |control       |   one packet socket each       |
            +-------+---------------------+------------+--------------+--------------------------------+
             unix sockets in a 0700 directory    unix sockets on this host, else TCP + CurveZMQ

``protocol`` holds every message between processes, ``links`` the sockets and keys, ``options`` what the processes are
told, ``description`` what a user says. ``exchange`` is what the interchange is made of, ``node`` what managers and
workers are. Nothing between driver and worker unpickles anything.
"""
