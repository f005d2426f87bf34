"""The links between driver, interchange and managers, and how messages go through them.

The interchange connects to the driver, managers connect to the interchange; each pair has a link for data and one for
control. Processes of one host use unix sockets (``local``, ``stream``, ``framing``), on which large parts travel as
descriptors of shared memory; all others use encrypted TCP (``tcp``, the only module here that imports zmq). Both kinds
do what ``port`` says, and ``waiting`` waits for any number of them.
"""
