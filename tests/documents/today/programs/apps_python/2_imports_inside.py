import parsl
from parsl import python_app

parsl.load()


# the annotation names a class that only the body imports, so it is text
@python_app
def interest(amount: "list[float] | Decimal", rate: float, years: int):  # noqa: F821
    from decimal import Decimal

    return Decimal(str(amount)) * (1 + Decimal(str(rate))) ** years


print(interest(1000, 0.1, 2).result())
