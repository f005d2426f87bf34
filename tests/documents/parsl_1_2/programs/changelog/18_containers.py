import parsl
from parsl.dataflow.error import ConfigurationError

# the way to ask for containers before that: dictionaries are no configurations since 0.6
config = {
    "sites": [
        {
            "site": "Local_IPP",
            "auth": {"channel": None},
            "execution": {
                "executor": "ipp",
                "container": {"type": "docker", "image": "app1_v0.1"},
                "provider": "local",
                "block": {"initBlocks": 2},
            },
        }
    ],
    "globals": {"lazyErrors": True},
}

try:
    parsl.load(config)
except ConfigurationError as error:
    message = str(error)
else:
    raise SystemExit("a dictionary was taken for a configuration")

assert "Config" in message and "dict" in message, message
