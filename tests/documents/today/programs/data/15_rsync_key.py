from parsl.config import Config
from parsl.data_provider.ftp import FTPInTaskStaging
from parsl.data_provider.http import HTTPInTaskStaging
from parsl.data_provider.rsync import RSyncStaging
from parsl.executors import HighThroughputExecutor
from parsl.providers import AWSProvider

with open("callback-key", "w") as f:
    f.write("(the private key)")

# rsync goes over ssh, whose key the node gets when it starts
with open("callback-key", "r") as f:
    private_key = f.read()

ssh_init = """
mkdir .ssh
chmod go-rwx .ssh

cat > .ssh/id_rsa <<EOF
{private_key}
EOF

cat > .ssh/config <<EOF
Host *
  StrictHostKeyChecking no
EOF

chmod go-rwx .ssh/id_rsa .ssh/config
""".format(private_key=private_key)

config = Config(
    executors=[
        HighThroughputExecutor(
            storage_access=[HTTPInTaskStaging(), FTPInTaskStaging(), RSyncStaging("user@192.0.2.7")],
            provider=AWSProvider("ami-0", "my-key", worker_init=ssh_init),
        )
    ]
)

assert "(the private key)" in config.executors[0].provider.worker_init
