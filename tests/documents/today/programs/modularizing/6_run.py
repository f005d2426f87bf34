from argparse import ArgumentParser

import parsl
from library.app import factors_of_many
from library.config import make_local_config
from parsl.app.python import PythonApp

if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--numbers-per-batch", default=2, type=int)
    parser.add_argument("numbers", nargs="*", default=[12, 35, 97], type=int)
    args = parser.parse_args()

    factors_app = PythonApp(factors_of_many, cache=False)

    with parsl.load(make_local_config()):
        futures = [
            factors_app(args.numbers[start : start + args.numbers_per_batch])
            for start in range(0, len(args.numbers), args.numbers_per_batch)
        ]
        for future in futures:
            for x, found in zip(future.task_record["args"][0], future.result()):
                print(f"{x} = {' * '.join(map(str, found))}")

        # a task that has ended still knows its arguments
        print(futures[0].task_record["args"][0], futures[0].task_record["func_name"])
