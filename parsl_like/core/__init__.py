"""The pure core: task state as data, no input or output, no thread, no clock.

``machine`` holds the state, ``transitions`` is its picture, ``events`` go in, ``effects`` come out.
"""
