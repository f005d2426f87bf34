from parsl.concurrent import ParslPoolExecutor
from parsl.configs.htex_local import config


# a plain function: the pool makes the app
def digits(limit):
    """The digits of a number."""
    import math

    return sorted(str(math.factorial(limit)))


if __name__ == "__main__":
    with ParslPoolExecutor(config) as pool:
        outputs = pool.map(digits, range(3, 7))
        print(list(outputs))
