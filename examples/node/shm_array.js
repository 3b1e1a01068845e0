// shm_array.js - what the examples need of shm_array.h: arrays, their elements, and the lock, by koffi.
import { getSystemErrorName } from "node:util";
import koffi from "koffi";

export const EXCLUSIVE = 1, SHARED = 2;
const WRITE = 2;

const Types = { "<f8": Float64Array, "<f4": Float32Array, "<i8": BigInt64Array, "<i4": Int32Array, "|u1": Uint8Array };

koffi.opaque("shm_array_t");
const View = koffi.struct("shm_array_view_t", {
  size: "size_t", data: "void *", dtype: "const char *", dtype_tag: "const char *",
  itemsize: "uint64_t", count: "uint64_t", nbytes: "uint64_t", flags: "uint32_t", ndim: "uint32_t",
  shape: koffi.array("uint64_t", 64), strides: koffi.array("int64_t", 64),
});

const library = koffi.load("libshm_array.so");
const C = Object.fromEntries([
  "int shm_array_create(const char *name, const char *dtype, size_t ndim, const uint64_t *shape, void *options, _Out_ shm_array_t **out)",
  "int shm_array_open(const char *name, uint32_t flags, _Out_ shm_array_t **out)",
  "int shm_array_view(shm_array_t *array, _Inout_ shm_array_view_t *out)",
  "int shm_array_lock(shm_array_t *array, uint32_t mode, int64_t timeout_ns)",
  "int shm_array_unlock(shm_array_t *array)",
  "void shm_array_close(shm_array_t *array)",
  "const char *shm_array_error_detail()",
].map((declaration) => [/shm_array_(\w+)\(/.exec(declaration)[1], library.func(declaration)]));

/** The library's words, as an Error with `errno` and `code` like Node's own. The words are the thread's: no .async here. */
function check(code) {
  if (code === 0) return;
  const words = new Error(C.error_detail());
  throw Object.assign(words, code > 0 ? { errno: -code, code: getSystemErrorName(-code) } : { errno: code });
}

export class ShmArray {
  #handle;
  #view = { size: koffi.sizeof(View) };
  #buffer;

  constructor(handle) {
    this.#handle = handle;
    try {
      check(C.view(handle, this.#view));
      this.shape = Array.from(this.#view.shape).slice(0, this.#view.ndim).map(Number);
      this.#buffer = koffi.view(this.#view.data, Number(this.#view.nbytes));
    } catch (why) {
      this.close();
      throw why;
    }
  }

  static create(name, dtype, ...shape) {
    const out = [null];
    check(C.create(name, dtype, shape.length, shape, null, out));
    return new ShmArray(out[0]);
  }

  /** Opens for writing: who locks, if only to read, writes into the lock. */
  static open(name) {
    const out = [null];
    check(C.open(name, WRITE, out));
    return new ShmArray(out[0]);
  }

  /** The elements themselves, not a copy, as a typed array in the order of memory. */
  get elements() {
    return new Types[this.#view.dtype](this.#buffer);
  }

  /** What `work` returns, called under the lock; waiting stops the event loop. Fails, too, where an earlier holder died
   * while writing; close() gives back the lock then. */
  locked(mode, seconds, work) {
    check(C.lock(this.#handle, mode, Math.round(seconds * 1e9)));
    try {
      return work();
    } finally {
      check(C.unlock(this.#handle));
    }
  }

  /** Node's collector knows nothing of the memory: who opens closes, and lets go of the typed arrays before. To touch one
   * later is a fault: Node 20 cannot detach a buffer over foreign memory. */
  close() {
    C.close(this.#handle);
    this.#handle = this.#buffer = null;
  }
}
