from importlib import import_module

NAMES = {
    "parsl.providers": "AdHocProvider AWSProvider CobaltProvider CondorProvider GoogleCloudProvider "
    "GridEngineProvider LocalProvider LSFProvider SlurmProvider TorqueProvider KubernetesProvider PBSProProvider",
    "parsl.providers.provider_base": "ExecutionProvider",
    "parsl.providers.cluster_provider": "ClusterProvider",
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
