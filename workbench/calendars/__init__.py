"""When a market is open: expected sessions and minutes, and which calendar a series keeps."""

from workbench.calendars.calendar import Calendar
from workbench.calendars.learned import learn_calendar
from workbench.calendars.naming import Fit, IntradayFit, name_calendar, name_intraday_calendar
from workbench.calendars.table import TABLE_VERSION, calendar, names

__all__ = [
    "TABLE_VERSION",
    "Calendar",
    "Fit",
    "IntradayFit",
    "calendar",
    "learn_calendar",
    "name_calendar",
    "name_intraday_calendar",
    "names",
]
