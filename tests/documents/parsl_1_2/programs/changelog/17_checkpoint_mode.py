import parsl
from parsl.dataflow.error import ConfigurationError

# the way to ask for checkpoints before that: dictionaries are no configurations since 0.6
config = {"globals": {"lazyErrors": True, "memoize": True, "checkpointMode": "dfk_exit"}}

try:
    parsl.load(config)
except ConfigurationError as error:
    message = str(error)
else:
    raise SystemExit("a dictionary was taken for a configuration")

assert "Config" in message and "dict" in message, message
