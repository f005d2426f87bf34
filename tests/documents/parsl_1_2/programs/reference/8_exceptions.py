from importlib import import_module

NAMES = {
    "parsl.app.errors": "AppBadFormatting AppException AppTimeout BadStdStreamFile BashAppNoReturn BashExitFailure "
    "MissingOutputs NotFutureError ParslError",
    "parsl.errors": "OptionalModuleMissing",
    "parsl.executors.errors": "ExecutorError ScalingFailed SerializationError DeserializationError BadMessage",
    "parsl.dataflow.error": "DataFlowException ConfigurationError DuplicateTaskError BadCheckpoint DependencyError",
    "parsl.launchers.error": "BadLauncher",
    "parsl.providers.error": "ExecutionProviderException ScaleOutFailed SchedulerMissingArgs ScriptPathError",
    "parsl.channels.errors": "ChannelError BadHostKeyException BadScriptPath BadPermsScriptPath FileExists "
    "AuthException SSHException FileCopyException",
    "parsl.executors.high_throughput.errors": "WorkerLost",
    "parsl.executors.high_throughput.interchange": "ManagerLost",
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
