"""What runs beside the user's code on a compute node, and in the threads executor.

Needs the standard library and ``parsl_like.serialize``, nothing of the submit side.
"""
