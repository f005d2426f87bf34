from importlib import import_module

NAMES = {
    "parsl.app.app": "python_app bash_app join_app",
    "parsl.dataflow.futures": "AppFuture",
    "parsl.dataflow.dflow": "DataFlowKernelLoader",
    "parsl.monitoring": "MonitoringHub",
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
