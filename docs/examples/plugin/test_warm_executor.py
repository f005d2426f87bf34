from warm_executor import WarmExecutor, WarmSession

from parsl_like.testing.contracts import ExecutorContract


class TestWarmExecutor(ExecutorContract):
    def open_session(self, context, slots):
        return WarmSession(WarmExecutor().sealed(), context)

    test_order = None  # it knows no priorities
