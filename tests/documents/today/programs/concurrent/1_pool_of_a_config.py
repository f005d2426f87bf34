import concurrent.futures

from parsl.concurrent import ParslPoolExecutor
from parsl.configs.htex_local import config

if __name__ == "__main__":
    with ParslPoolExecutor(config=config) as pool:
        assert isinstance(pool, concurrent.futures.Executor)
        print(pool.submit(pow, 2, 10).result())
