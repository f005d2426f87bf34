import parsl
from parsl.app.app import python_app

parsl.load()


# a module that an app needs is imported in it
@python_app
def slow_answer():
    import time

    time.sleep(0.5)
    return "forty-two, after a while"


print(slow_answer().result())
