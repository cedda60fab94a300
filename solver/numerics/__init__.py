"""The numbers: problems, models, methods, metrics and the loop. The only place that imports torch."""
