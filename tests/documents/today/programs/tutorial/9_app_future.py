import parsl
from parsl.app.app import python_app

parsl.load()


@python_app
def patient():
    import time

    time.sleep(1)
    return "I am here"


app_future = patient()
print("Done:", app_future.done())
print("Result:", app_future.result())
print("Done:", app_future.done())
