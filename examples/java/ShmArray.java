import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.PointerByReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;

/**
 * What the examples need of shm_array.h: arrays, their elements, and the lock, by JNA.
 *
 * Java's collector knows nothing of the memory: close the array (try-with-resources), and touch no buffer of it after
 * that, which would be a fault of the whole machine, not an exception.
 */
final class ShmArray implements AutoCloseable {
    static final int EXCLUSIVE = 1, SHARED = 2;
    private static final int WRITE = 2;
    private static final C C = Native.load("shm_array", C.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));

    interface C extends Library {
        int shm_array_create(String name, String dtype, long ndim, long[] shape, Pointer options, PointerByReference out);
        int shm_array_open(String name, int flags, PointerByReference out);
        int shm_array_view(Pointer array, View out);
        int shm_array_lock(Pointer array, int mode, long timeoutNs);
        int shm_array_unlock(Pointer array);
        void shm_array_close(Pointer array);
        String shm_array_error_detail();
    }

    @Structure.FieldOrder({"size", "data", "dtype", "dtypeTag", "itemsize", "count", "nbytes", "flags", "ndim", "shape", "strides"})
    public static final class View extends Structure {
        public long size, itemsize, count, nbytes;
        public Pointer data;
        public String dtype, dtypeTag;
        public int flags, ndim;
        public long[] shape = new long[64], strides = new long[64];
    }

    /** The library's words, and its number: an errno, or negative. */
    static final class Failure extends RuntimeException {
        final int code;

        Failure(int code) {
            super(C.shm_array_error_detail());
            this.code = code;
        }
    }

    /** The words are the thread's: they are asked for by the thread that called. */
    private static void check(int code) {
        if (code != 0) throw new Failure(code);
    }

    private final View view = new View();
    private Pointer handle;

    private ShmArray(PointerByReference out) {
        handle = out.getValue();
        view.size = view.size();
        try {
            check(C.shm_array_view(handle, view));
        } catch (Failure why) {
            close();
            throw why;
        }
    }

    static ShmArray create(String name, String dtype, long... shape) {
        var out = new PointerByReference();
        check(C.shm_array_create(name, dtype, shape.length, shape, null, out));
        return new ShmArray(out);
    }

    /** Opens for writing: who locks, if only to read, writes into the lock. */
    static ShmArray open(String name) {
        var out = new PointerByReference();
        check(C.shm_array_open(name, WRITE, out));
        return new ShmArray(out);
    }

    String dtype() { return view.dtype; }

    long[] shape() { return java.util.Arrays.copyOf(view.shape, view.ndim); }

    /** The elements themselves, not a copy; a buffer counts in int: what is larger than 2 GiB is had in pieces. */
    ByteBuffer bytes() { return view.data.getByteBuffer(0, Math.toIntExact(view.nbytes)).order(ByteOrder.nativeOrder()); }

    /** To be unlocked by a try. Fails, too, where an earlier holder died while writing; close() gives back the lock then. */
    Lock lock(int mode, long timeoutNs) {
        check(C.shm_array_lock(handle, mode, timeoutNs));
        return () -> check(C.shm_array_unlock(handle));
    }

    interface Lock extends AutoCloseable {
        @Override
        void close();
    }

    @Override
    public void close() {
        C.shm_array_close(handle);
        handle = null;
        view.data = null;
    }
}
