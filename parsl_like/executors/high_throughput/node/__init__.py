"""On a node: one manager process and its workers.

manager (entry) --> manager_loop (poll loop)
                      uplink, joining, probing   the links to the interchange, and how they are found
                      outbox                     results that have not been acknowledged
                      crew                       between messages and workers
                        dispatch.Dispatch        which worker gets what: events in, effects out; pace: how far ahead
                        workers                  processes: start, death, kill; process_tree, signals, pinning
                        pipe, frames, cells      packets, memory files, who runs what
                        functions                functions in one file that all workers read
                      lifetime                   when it takes nothing more, and when it ends, before its block does
worker              --> reads a packet, calls, writes the result; task_lines: what it prints is marked as the task's
facts               --> what the node is: cores, memory, packages
"""
