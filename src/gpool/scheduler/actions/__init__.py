"""What a scheduling cycle does, in order. One action a file."""
