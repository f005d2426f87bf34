import parsl
from parsl.concurrent import ParslPoolExecutor
from parsl.configs.htex_local import config

if __name__ == "__main__":
    with parsl.load(config) as dfk:
        with ParslPoolExecutor(dfk=dfk) as pool:
            print(list(pool.map(len, ["one", "three"])))
        # the kernel is still there
        print(parsl.python_app(abs)(-3).result())
