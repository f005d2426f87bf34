import parsl
from parsl.dataflow.error import ConfigurationError

# a configuration from before version 0.6
config = {
    "sites": [{"site": "Local_Threads", "auth": {"channel": None}, "execution": {"executor": "threads"}}],
    "globals": {"lazyErrors": True},
}

try:
    parsl.load(config)
except ConfigurationError as error:
    message = str(error)
else:
    raise SystemExit("a dictionary was taken for a configuration")

assert "Config" in message and "dict" in message, message
