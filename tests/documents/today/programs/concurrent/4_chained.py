from parsl.concurrent import ParslPoolExecutor
from parsl.configs.htex_local import config


def double(x):
    return 2 * x


if __name__ == "__main__":
    with ParslPoolExecutor(config=config) as pool:
        # the second waits for the first
        future_1 = pool.submit(double, 3)
        future_2 = pool.submit(double, future_1)
        print(future_1.result(), future_2.result())
