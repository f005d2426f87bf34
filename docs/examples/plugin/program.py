import threading

from warm_executor import WarmExecutor

import parsl_like
from parsl_like import Config, python_app

loaded = threading.local()


def load_model():
    loaded.model = {"words": 3}


@python_app
def ask(name):
    return loaded.model[name]


with parsl_like.load(Config(executors=[WarmExecutor(warm_up=load_model)])):
    print(ask("words").result())
    print(repr(ask("verbs").exception()))
