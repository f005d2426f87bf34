import concurrent.futures

import parsl
from parsl import python_app
from parsl.configs.htex_local import config


@python_app
def power(base, exponent):
    return base**exponent


if __name__ == "__main__":
    with parsl.load(config) as dfk:
        future = power(2, 5)
        concurrent.futures.wait([future])
        print(future.result(), dfk is parsl.dfk())

    # after the block there is no kernel any more
    try:
        parsl.dfk()
    except parsl.errors.NoDataFlowKernelError:
        print("no kernel")
