"""Opens the array that a writer has made, in Python or C, and prints what is in it."""

import shm_array

temperature = shm_array.open("temperature")
rows, columns = temperature.shape
print(f"{rows} x {columns} numbers, mean {temperature.mean():.1f}")
