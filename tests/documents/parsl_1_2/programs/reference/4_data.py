from importlib import import_module

NAMES = {
    "parsl.app.futures": "DataFuture",
    "parsl.data_provider.data_manager": "DataManager",
    "parsl.data_provider.staging": "Staging",
    "parsl.data_provider.files": "File",
    "parsl.data_provider.ftp": "FTPSeparateTaskStaging FTPInTaskStaging",
    "parsl.data_provider.file_noop": "NoOpFileStaging",
    "parsl.data_provider.globus": "GlobusStaging",
    "parsl.data_provider.http": "HTTPSeparateTaskStaging HTTPInTaskStaging",
    "parsl.data_provider.rsync": "RSyncStaging",
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
