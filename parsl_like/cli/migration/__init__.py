"""What ``parsl-like migrate`` does to a program written for Parsl.

    text of a file -> bindings (which names are Parsl's) -> rewriting (edits) + remarks (what a person should see)

``migration.migrated`` puts these together; only ``files`` touches files. Nothing of the program is imported or run.
"""
