"""What makes a GPU fit, and what makes it the better one. One rule a file."""
