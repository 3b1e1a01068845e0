// Opens the array that a writer has made, in any language, and adds it up under the shared lock.
//
// JNA is where jna.jar lies (`dpkg -L libjna-java` on Debian).
// once: javac -cp "$JNA" -d target/java examples/java/*.java
// run: LD_LIBRARY_PATH=target/release java -cp "$JNA:target/java" Reader
class Reader {
    public static void main(String[] arguments) {
        try (var temperature = ShmArray.open("temperature");
             var lock = temperature.lock(ShmArray.SHARED, 5_000_000_000L)) {
            var celsius = temperature.bytes().asDoubleBuffer();
            double sum = 0;
            while (celsius.hasRemaining()) sum += celsius.get();
            long[] shape = temperature.shape();
            System.out.printf("%d x %d numbers, mean %.1f%n", shape[0], shape[1], sum / celsius.capacity());
        }
    }
}
