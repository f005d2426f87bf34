from importlib import import_module

NAMES = {
    "parsl.config": "Config",
    "parsl": "set_stream_logger set_file_logger",
    "parsl.addresses": "address_by_hostname address_by_interface address_by_query address_by_route",
    "parsl.utils": "get_all_checkpoints get_last_checkpoint",
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
