"""Real work to watch: jobs over the files of a folder, and what came out of them.

`pool demo` calls `run_demo`; planning and reporting are pure and stand beside it. Runs in the process of the command.
"""

from pool.library.demo.plan import DemoCall, DemoPlan, plan
from pool.library.demo.report import DemoReport, DemoRow, report
from pool.library.demo.run import run_demo

__all__ = ["DemoCall", "DemoPlan", "DemoReport", "DemoRow", "plan", "report", "run_demo"]
