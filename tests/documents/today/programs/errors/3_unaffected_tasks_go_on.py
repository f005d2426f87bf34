import parsl
from parsl import python_app
from parsl.dataflow.errors import DependencyError

parsl.load()


@python_app
def station(name, *needs):
    if name == "press":
        raise OSError("the press is broken")
    return name


wood = station("wood")
saw, press = station("saw", wood), station("press", wood)
plane, bend = station("plane", saw), station("bend", press)
chair = station("chair", plane, bend)

print(wood.result(), saw.result(), plane.result())
print(repr(press.exception()))
for future in (bend, chair):
    assert isinstance(future.exception(), DependencyError), repr(future.exception())
print(bend.task_status(), chair.task_status())
