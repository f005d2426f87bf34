import concurrent.futures

import parsl

# another system that gives futures; Globus Compute's Executor is one
elsewhere = concurrent.futures.ThreadPoolExecutor(max_workers=1)


def increment_elsewhere(n):
    return n + 1


@parsl.join_app
def increment(n):
    future = elsewhere.submit(increment_elsewhere, n)
    return future


@parsl.python_app
def times_three(n):
    return n * 3


@parsl.python_app
def const_nine():
    return 9


parsl.load()

workflow = times_three(increment(const_nine()))
print(workflow.result())
elsewhere.shutdown()
