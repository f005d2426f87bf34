import parsl
from parsl.dataflow.error import ConfigurationError

# a site of old: dictionaries are no configurations since 0.6
config = {
    "sites": [
        {
            "site": "Midway_Remote_Westmere",
            "auth": {"channel": "ssh", "hostname": "swift.rcc.uchicago.edu", "username": "user", "scriptDir": "s"},
            "execution": {
                "executor": "ipp",
                "provider": "slurm",
                "block": {
                    "nodes": 1,
                    "taskBlocks": 1,
                    "initBlocks": 1,
                    "maxBlocks": 1,
                    "options": {"partition": "westmere", "overrides": "module load python/3.5.2+gcc-4.8"},
                },
            },
        }
    ]
}

try:
    parsl.load(config)
except ConfigurationError as error:
    message = str(error)
else:
    raise SystemExit("a dictionary was taken for a configuration")

assert "Config" in message and "dict" in message, message
