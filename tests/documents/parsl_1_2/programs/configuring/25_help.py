import contextlib
import io

from parsl.config import Config

with contextlib.redirect_stdout(io.StringIO()) as shown:
    help(Config)

assert "executors" in shown.getvalue() and "checkpoint_mode" in shown.getvalue()
