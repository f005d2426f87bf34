"""Jobs: the blocks an executor has, how many it should have, and why.

``ledger`` knows the blocks, ``policy`` says how many are wanted, ``breaker`` when to wait and when to give up, and
``controller`` joins them into what to do next; these are pure. ``poller`` is the one thread that carries it out, and
``lane`` keeps a provider that hangs from holding it up.
"""
