# what libsubmit.providers, libsubmit.channels and libsubmit.launchers had
from parsl.channels import LocalChannel
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

provider = LocalProvider(channel=LocalChannel(), launcher=SimpleLauncher())

assert provider == LocalProvider(channel=LocalChannel(), launcher=SimpleLauncher())
