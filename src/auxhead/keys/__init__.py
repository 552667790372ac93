"""What can be typed, one file a command; `reading` turns words into checked keys. Free of torch and Ultralytics."""
