// Opens the array that a writer has made, in any language, and adds it up under the shared lock.
//
// once: npm install --prefix examples/node
// run: LD_LIBRARY_PATH=target/release node examples/node/reader.js
import { SHARED, ShmArray } from "./shm_array.js";

const temperature = ShmArray.open("temperature");
try {
  const celsius = temperature.elements;
  const sum = temperature.locked(SHARED, 5, () => celsius.reduce((sum, degrees) => sum + degrees, 0));
  const [rows, columns] = temperature.shape;
  console.log(`${rows} x ${columns} numbers, mean ${(sum / celsius.length).toFixed(1)}`);
} finally {
  temperature.close();
}
