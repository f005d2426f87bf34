"""Apps run on threads of the program itself."""

from parsl_like.config import Config
from parsl_like.executors import ThreadPoolExecutor

config = Config(executors=[ThreadPoolExecutor()])
