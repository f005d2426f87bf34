import parsl
from parsl import python_app

parsl.load()


@python_app
def look_up(table, key):
    return table[key]


missing = look_up({"north": 0}, "south")

try:
    missing.result()
except KeyError as e:
    print("there is no", e)
except Exception as e:
    print("something really bad happened:", repr(e))
