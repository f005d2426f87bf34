"""What Parsl's ``Config(usage_tracking=...)`` may say. It is accepted, and nothing is ever sent to anybody."""
