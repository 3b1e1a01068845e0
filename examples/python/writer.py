"""Makes an array that other processes can open, in Python or C."""

import shm_array

temperature = shm_array.create("temperature", (1000, 1000), float)
for row in range(1000):
    temperature[row] = row
