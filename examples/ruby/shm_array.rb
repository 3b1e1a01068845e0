# shm_array.rb - what the examples need of shm_array.h: arrays, their elements, and the lock, by fiddle.
require "fiddle/import"

class ShmArray
  EXCLUSIVE = 1
  SHARED = 2
  WRITE = 2
  C_CONTIGUOUS = 1

  module C
    extend Fiddle::Importer
    dlload "libshm_array.so"
    extern "int shm_array_create(const char *, const char *, size_t, const uint64_t *, const void *, void *)"
    extern "int shm_array_open(const char *, uint32_t, void *)"
    extern "int shm_array_view(const void *, void *)"
    extern "int shm_array_lock(const void *, uint32_t, int64_t)"
    extern "int shm_array_unlock(const void *)"
    extern "void shm_array_close(void *)"
    extern "const char *shm_array_error_detail()"
    View = struct ["size_t size", "void *data", "const char *dtype", "const char *dtype_tag", "uint64_t itemsize",
                   "uint64_t count", "uint64_t nbytes", "uint32_t flags", "uint32_t ndim", "uint64_t shape[64]",
                   "int64_t strides[64]"]
  end

  # As Errno::ENOENT and the like, with the library's words. They are the thread's: asked for by the thread that called.
  def self.check(code)
    raise SystemCallError.new(C.shm_array_error_detail.to_s, code) unless code.zero?
  end

  def self.create(name, dtype, shape, &work)
    opened(work) { |out| C.shm_array_create(name, dtype, shape.size, shape.pack("Q*"), nil, out) }
  end

  # Opens for writing: who locks, if only to read, writes into the lock.
  def self.open(name, &work) = opened(work) { |out| C.shm_array_open(name, WRITE, out) }

  # The array; or with a block what that returns, and the array is closed.
  def self.opened(work)
    out = Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE)
    check(yield(out))
    array = new(out.ptr)
    return array unless work

    begin
      work.call(array)
    ensure
      array.close
    end
  end
  private_class_method :new, :opened

  attr_reader :shape

  # The collector closes a handle that nothing refers to. `data` is a bare pointer and does not keep it: keep the array as
  # long as that is used, and never use it after close.
  def initialize(handle)
    handle.free = C["shm_array_close"]
    @handle = handle
    @view = C::View.malloc(Fiddle::RUBY_FREE)
    @view.to_ptr[0, C::View.size] = "\0" * C::View.size
    @view.size = C::View.size
    self.class.check(C.shm_array_view(handle, @view))
    @shape = @view.shape.first(@view.ndim)
  end

  def dtype = @view.dtype.to_s

  # The memory itself: data[offset, bytes] loads, data[offset, bytes] = text stores.
  def data = @view.data

  # Rows of float64. Ruby's own library has no numbers in foreign memory: pack and unpack go between it and Ruby's Floats.
  def [](row) = data[*place(row)].unpack("d*")

  def []=(row, numbers)
    offset, bytes = place(row)
    data[offset, bytes] = numbers.pack("d*")
  end

  # What the block returns, called under the lock. Fails, too, where an earlier holder died while writing; close gives
  # back the lock then.
  def lock(mode, seconds)
    self.class.check(C.shm_array_lock(@handle, mode, (seconds * 1_000_000_000).to_i))
    begin
      yield
    ensure
      self.class.check(C.shm_array_unlock(@handle))
    end
  end

  def close
    @handle&.call_free
    @handle = @view = nil
  end

  private

  def place(row)
    rows = dtype == "<f8" && @view.flags.anybits?(C_CONTIGUOUS) ? shape[0] : 0
    raise IndexError, "no row #{row} of float64" unless (0...rows).cover?(row)

    [row * @view.strides[0], @view.nbytes / rows]
  end
end
