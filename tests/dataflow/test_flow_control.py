from __future__ import annotations

import threading

from parsl_like import utils
from parsl_like.dataflow.flow_control import FlowControl, Timer


def test_what_parsl_1_2_had_here_is_here() -> None:
    assert Timer is utils.Timer


def test_flow_control_is_accepted_and_leaves_everything_to_the_kernel() -> None:
    before = threading.active_count()
    control = FlowControl("kernel", "more", threshold=3, interval=0.1)
    control.notify("task")
    control.make_callback("timer")
    assert (control.dfk, control.cb_args, control.threshold, control.interval) == ("kernel", ("more",), 3, 0.1)
    assert threading.active_count() == before
    control.close()
