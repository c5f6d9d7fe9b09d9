"""Text units → readings: load, prepare / infer / read."""
