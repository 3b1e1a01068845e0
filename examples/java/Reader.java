// Opens the array that a writer has made, in any language, and adds it up under the shared lock.
//
// once: javac -cp /usr/share/java/jna.jar -d target/java examples/java/*.java
// run: java -cp /usr/share/java/jna.jar:target/java -Djna.library.path=target/release Reader
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
