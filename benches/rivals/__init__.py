"""One script a rival and kind of data. Each runs in the rival's own environment and prints one JSON line last."""
