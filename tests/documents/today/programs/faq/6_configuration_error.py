import parsl
from parsl.errors import ConfigurationError

try:
    parsl.load({"sites": [{"site": "Local_Threads"}], "globals": {"lazyErrors": True}})
except ConfigurationError as error:
    message = str(error)
else:
    raise SystemExit("a dictionary was taken for a configuration")
assert "Config" in message and "dict" in message, message
