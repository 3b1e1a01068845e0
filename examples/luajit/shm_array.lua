-- shm_array.lua - what the examples need of shm_array.h: arrays, their elements, and the lock, by LuaJIT's ffi.
local ffi = require("ffi")

ffi.cdef [[
typedef struct shm_array_t shm_array_t;
typedef struct shm_array_view_t {
    size_t size;
    void *data;
    const char *dtype, *dtype_tag;
    uint64_t itemsize, count, nbytes;
    uint32_t flags, ndim;
    uint64_t shape[64];
    int64_t strides[64];
} shm_array_view_t;
int shm_array_create(const char *, const char *, size_t, const uint64_t *, const void *, shm_array_t **);
int shm_array_open(const char *, uint32_t, shm_array_t **);
int shm_array_view(const shm_array_t *, shm_array_view_t *);
int shm_array_lock(const shm_array_t *, uint32_t, int64_t);
int shm_array_unlock(const shm_array_t *);
void shm_array_close(shm_array_t *);
const char *shm_array_error_detail(void);
]]

local library = ffi.load("shm_array")
local WRITE = 2
local pointers = { ["<f8"] = "double *", ["<f4"] = "float *", ["<i8"] = "int64_t *", ["<i4"] = "int32_t *",
    ["|u1"] = "uint8_t *" }

local Array = {}
Array.__index = Array

local function check(code, level)
    if code ~= 0 then error(ffi.string(library.shm_array_error_detail()), level or 3) end
end

-- The collector closes a handle that nothing refers to. `elements` is a bare pointer and does not keep it: keep the array
-- as long as its elements, and touch none after close().
local function opened(out)
    local array = setmetatable({ handle = ffi.gc(out[0], library.shm_array_close), shape = {} }, Array)
    local view = ffi.new("shm_array_view_t", { size = ffi.sizeof("shm_array_view_t") })
    check(library.shm_array_view(array.handle, view), 4)
    for axis = 1, view.ndim do array.shape[axis] = tonumber(view.shape[axis - 1]) end
    array.count = tonumber(view.count)
    -- The elements themselves, counted from 0 in the order of memory, where they are of a type that C has.
    local pointer = pointers[ffi.string(view.dtype)]
    array.elements = pointer and ffi.cast(pointer, view.data)
    return array
end

local M = { EXCLUSIVE = 1, SHARED = 2 }

function M.create(name, dtype, ...)
    local out, shape = ffi.new("shm_array_t *[1]"), ffi.new("uint64_t[?]", math.max(select("#", ...), 1), { ... })
    check(library.shm_array_create(name, dtype, select("#", ...), shape, nil, out))
    return (opened(out))
end

-- Opens for writing: who locks, if only to read, writes into the lock.
function M.open(name)
    local out = ffi.new("shm_array_t *[1]")
    check(library.shm_array_open(name, WRITE, out))
    return (opened(out))
end

-- What `work` returns, called under the lock, which is given back however that ends. Fails, too, where an earlier holder
-- died while writing; close() gives back the lock then.
function Array:locked(mode, seconds, work)
    check(library.shm_array_lock(self.handle, mode, seconds * 1e9))
    local good, result = pcall(work)
    check(library.shm_array_unlock(self.handle))
    if not good then error(result, 0) end
    return result
end

function Array:close()
    if self.handle then library.shm_array_close(ffi.gc(self.handle, nil)) end
    self.handle, self.elements = nil, nil
end

return M
