from importlib import import_module

NAMES = {
    "parsl.channels.base": "Channel",
    "parsl.channels": "LocalChannel SSHChannel OAuthSSHChannel SSHInteractiveLoginChannel",
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
