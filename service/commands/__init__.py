"""The commands of `moodline`, a module per audience."""
