// Makes an array that other processes can open, in any language, and fills it under the exclusive lock.
//
// once: npm install --prefix examples/node
// run: LD_LIBRARY_PATH=target/release node examples/node/writer.js
import { EXCLUSIVE, ShmArray } from "./shm_array.js";

const temperature = ShmArray.create("temperature", "<f8", 1000, 1000);
try {
  const celsius = temperature.elements;
  temperature.locked(EXCLUSIVE, -1, () => {
    for (let row = 0; row < 1000; row++) celsius.fill(row, 1000 * row, 1000 * (row + 1));
  });
} finally {
  temperature.close();
}
