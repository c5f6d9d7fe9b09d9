"""Outside payloads → Interaction: a module per source, pure functions."""
