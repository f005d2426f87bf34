from importlib import import_module

NAMES = {
    "parsl.app.app": "AppBase",
    "parsl.app.bash": "BashApp",
    "parsl.app.python": "PythonApp",
    "parsl.dataflow.dflow": "DataFlowKernel",
    "parsl.dataflow.flow_control": "FlowControl Timer",
    "parsl.dataflow.memoization": "id_for_memo Memoizer",
    "parsl.dataflow.states": "FINAL_STATES States",
    "parsl.dataflow.strategy": "Strategy",
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
