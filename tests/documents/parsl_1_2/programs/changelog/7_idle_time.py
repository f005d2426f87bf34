from parsl.config import Config

config = Config(
    max_idletime=120.0,  # seconds
    strategy="simple",
)

assert (config.max_idletime, config.strategy) == (120.0, "simple")
