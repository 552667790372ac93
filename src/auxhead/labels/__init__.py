"""Reading, checking and converting YOLO detection data sets, without torch and without Ultralytics."""
