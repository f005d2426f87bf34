from importlib import import_module

NAMES = {
    "parsl.executors.base": "ParslExecutor",
    "parsl.executors.status_handling": "BlockProviderExecutor",
    "parsl.executors": "ThreadPoolExecutor HighThroughputExecutor WorkQueueExecutor ExtremeScaleExecutor "
    "LowLatencyExecutor FluxExecutor",
    "parsl.executors.swift_t": "TurbineExecutor",
}

missing = []
for module, names in NAMES.items():
    for name in names.split():
        try:
            if getattr(import_module(module), name) is None:
                raise AttributeError("it is None")
        except (ImportError, AttributeError) as error:
            missing.append("%s.%s: %s" % (module, name, error))
assert not missing, "\n".join(missing)
