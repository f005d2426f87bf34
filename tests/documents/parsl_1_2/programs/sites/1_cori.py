import parsl
from parsl.dataflow.error import ConfigurationError

# a site of old: dictionaries are no configurations since 0.6
config = {
    "sites": [
        {
            "site": "Local_IPP",
            "auth": {"channel": "ssh", "hostname": "cori.nersc.gov", "username": "user", "script_dir": "scripts"},
            "execution": {
                "executor": "ipp",
                "provider": "slurm",
                "script_dir": ".scripts",
                "block": {
                    "nodes": 1,
                    "taskBlocks": 1,
                    "walltime": "00:10:00",
                    "initBlocks": 1,
                    "minBlocks": 0,
                    "maxBlocks": 1,
                    "scriptDir": ".",
                    "options": {
                        "partition": "debug",
                        "overrides": "#SBATCH --constraint=haswell\nmodule load python/3.5-anaconda",
                    },
                },
            },
        }
    ],
    "globals": {"lazyErrors": True},
    "controller": {"publicIp": "*"},
}

try:
    parsl.load(config)
except ConfigurationError as error:
    message = str(error)
else:
    raise SystemExit("a dictionary was taken for a configuration")

assert "Config" in message and "dict" in message, message
