"""What Prometheus is told: counts and times, never a customer's words."""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()

REQUESTS = Counter("moodline_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "moodline_seconds",
    "Time spent, in seconds",
    ["stage"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ACCEPTED = Counter("moodline_interactions_total", "Interactions received", ["channel", "result"])
EVENTS = Counter("moodline_events_total", "Events received", ["kind", "result"])
WEBHOOKS = Counter(
    "moodline_webhooks_total",
    "What webhooks told: accepted, duplicate, bad_signature, malformed, or why it was ignored",
    ["source", "result"],
)
READ = Counter("moodline_interactions_read_total", "Interactions read by the model and recorded")
WAITING = Gauge("moodline_interactions_waiting", "Interactions stored and not yet read")
WINDOWS = Histogram(
    "moodline_windows_per_pass",
    "Windows of text that shared one forward pass of the model",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
DELIVERIES = Counter("moodline_deliveries_total", "Attempts to deliver to subscriptions", ["result"])
MODEL = Gauge("moodline_model_info", "The loaded model", ["name", "version"])
