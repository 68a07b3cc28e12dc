"""What every part needs: paths, files, the cache, parameters, seeds, the training loop."""
