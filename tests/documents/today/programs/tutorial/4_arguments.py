import parsl
from parsl.app.app import python_app

parsl.load()


@python_app
def rectangle(width, height):
    return width * height


print(rectangle(6, 9).result())
