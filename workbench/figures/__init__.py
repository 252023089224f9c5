"""From results to plotly figures. No data access."""
