"""The demo organisation: made-up data and the main job shown on it."""
