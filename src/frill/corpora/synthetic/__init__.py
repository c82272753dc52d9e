"""Speech of eSpeak NG, altered so that there is something to tell apart."""
