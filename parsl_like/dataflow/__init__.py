"""The kernel: from calls to tasks, from tasks to executors, and back to futures.

    user threads              "parsl-like-kernel" (owner)                    other threads
    ------------              ---------------------------                    -------------
    app(...)                  loop.KernelLoop
      submission.Submission     inbox <- events from everywhere
        scan for futures        sessions' pump() -> events
        pack the call           core.machine.TaskMachine.feed(events)
        post(Submitted) ------> effects.LiveEffects.carry_out(outbox)
      futures.AppFuture           launch   -> session.submit(batch)          (same thread, never waits)
                                  settle   -> future.settle(), then -------> "parsl-like-completion": callbacks
                                  prepare  --------------------------------> "parsl-like-prepare": preparation
                                  records  --------------------------------> "parsl-like-records": monitoring.recorder
                                  watch    -> joins.watch (callbacks)
                                                                             "parsl-like-jobs": jobs.poller

``dflow.DataFlowKernel`` puts it together, ``closing.Closing`` takes it apart, ``loader`` keeps the default kernel.
User code (callbacks, join bodies, retry handlers, pickling) never runs on the owner thread: it comes back as an event.
"""
