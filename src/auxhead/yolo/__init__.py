"""The only room that talks to Ultralytics."""
