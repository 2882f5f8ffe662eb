"""The measures of the scheduler, which `bench --scheduling` takes instead of the others: one module each."""

from bench.measures import fair, graph, load, schedules, streams, widths
from bench.measures.listed import Measure

SCHEDULING = (
    Measure("fair", fair.measure, long=True),
    Measure("widths", widths.measure, long=True),
    Measure("graph", graph.measure, long=True),
    Measure("streams", streams.measure),
    Measure("schedules", schedules.measure),
    Measure("load", load.measure, long=True),
)

BY_NAME = {measure.name: measure for measure in SCHEDULING}
