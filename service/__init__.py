"""moodline: what each customer feels now, why, and who is about to leave."""
