"""What touches the world to see how it is: they judge nothing, and leave nothing behind."""
