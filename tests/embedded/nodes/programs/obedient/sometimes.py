"""What the program would load only when it is asked for it."""
