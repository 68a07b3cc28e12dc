"""What every part stands on: places, files, the cache, parameters, seeds, the training loop."""
