"""The charts of the overview as Plotly figures: pure, from a history and the events in its time.

Figures hold data and layout; colours and fonts come with a template for each theme, which the page picks and may change
without a new figure. Times are milliseconds since 1970: the browser writes them in its own zone. Called in the web
process by the view that answers with their JSON.

Each chart has a file. They stand on `series`, `axes` and `frame`, which know no chart.
"""

from dashboard.charts.axes import TIME_TICKS_MS
from dashboard.charts.depths import MOST_QUEUES, queue_names
from dashboard.charts.drawing import figures
from dashboard.charts.forecasting import forecast
from dashboard.charts.frame import MARKS, Mark
from dashboard.charts.themes import templates

__all__ = ["MARKS", "MOST_QUEUES", "TIME_TICKS_MS", "Mark", "figures", "forecast", "queue_names", "templates"]
