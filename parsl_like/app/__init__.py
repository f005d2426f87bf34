"""Decorators that turn functions into apps, and what their calls return."""
