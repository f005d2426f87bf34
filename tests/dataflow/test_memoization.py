from __future__ import annotations

from parsl_like.dataflow.memoization import NoMemo


def test_nothing_is_remembered_and_everything_acknowledged() -> None:
    memo, acknowledged = NoMemo(), []
    memo.remember("key", "value", lambda: acknowledged.append("yes"))
    assert (memo.key({}), memo.lookup("key"), memo.attach("key", 1)) == (None, (False, None), None)
    assert acknowledged == ["yes"]
    memo.checkpoint()
    memo.close()
