"""The command dfd: run, train, predict, prepare data, publish."""
